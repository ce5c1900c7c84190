// Who is on the page: one person, an account on each platform, one colour everywhere.
let people = [];
export const setPeople = (list) => { people = list; };

// The place of the person with this key or name; -1: nobody of the cast.
export const placeOf = (name) => people.findIndex((one) => one.key === name || one.name === name);
