// The named steps of the life of one event at which the fault tests kill the process (tests/faults, threat model F1).
// In every released binary reached() is the empty function of failpoint.cpp; the target countersign-faults links
// another definition that reads its orders from the environment.
#pragma once

namespace core {

enum class Failpoint {
  K1_event_received = 1,
  K2_platform_acked,
  K3_validated,
  K4_blob_written,
  K5_commit_signed,
  K6_objects_synced,
  K7_ref_moved,
  K8_ref_synced,
  K9_remotes_acked,
  K10_chat_updated,
  K11_run_started_durable,
  K12_child_spawned,
  K13_child_exit_seen,
  K14_run_finished_durable,
};

// `what`: the kind of the entry being written or the thing being done ("vote.approve"), so that an order can be aimed.
void reached(Failpoint point, char const* what = "") noexcept;

}  // namespace core
