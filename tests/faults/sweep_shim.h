/* What a test and sweep_shim.c share: a page mapped by both (environment FAULTS_PAGE names its file). */
#ifndef COUNTERSIGN_TESTS_FAULTS_SWEEP_SHIM_H
#define COUNTERSIGN_TESTS_FAULTS_SWEEP_SHIM_H

/* SWEEP_LOOK: an open of what exists, to read it. */
enum { SWEEP_OPEN = 1, SWEEP_WRITE, SWEEP_SYNC, SWEEP_RENAME, SWEEP_UNLINK, SWEEP_READ, SWEEP_LOOK };
/* Instead of an errno: half of what was asked is written; the process is killed before the call. */
enum { SWEEP_SHORT = -1, SWEEP_KILL = -2 };
enum { SWEEP_CALLS = 8192 };

struct sweep_page {
  char folder[512];                 /* calls on paths below it count; empty: none */
  int watching;                     /* 1: calls are counted */
  long seen;                        /* counted since the test set it to 0 */
  unsigned char kinds[SWEEP_CALLS]; /* of each counted call, by index */
  int reads;                        /* 1: reading counts as well */
  long index;                       /* the call that fails, from 0; -1: none */
  int error;                        /* an errno, SWEEP_SHORT or SWEEP_KILL */
  int for_ever;                     /* every later call that can fail in this way fails, too */
  long failed;                      /* how many did */
  long starve_at;                   /* the allocation of memory that fails, from 1 (for_ever: and all after it); 0: none */
  long allocations;                 /* counted while starve_at is not 0 */
  long clock_step;                  /* seconds added to the wall clock of whoever has the shim */
};

#endif
