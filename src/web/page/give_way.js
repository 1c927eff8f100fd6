// Long work gives way from time to time, so that the page answers meanwhile.

/** Milliseconds of work at a time. */
const MOST_AT_A_TIME = 50;

/** @returns {(before?: () => void) => Promise<void>} what the work awaits between its parts; `before` shows how far it is */
export function givesWay() {
  let last = performance.now();
  return async (before) => {
    // A page that is not seen would get a turn each second only, and needs none.
    if (performance.now() - last < MOST_AT_A_TIME || globalThis.document?.hidden) return;
    before?.();
    await new Promise((resolve) => setTimeout(resolve));
    last = performance.now();
  };
}
