const FIRST_SECONDS = 1;
const LONGEST_SECONDS = 60;

/** Seconds until a server is asked again after so many failures in a row: 1, 2, 4 … 60, a quarter more or less by chance. */
export function backoffSeconds(failures: number, random: number = Math.random()): number {
  return Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** Math.min(failures - 1, 10)) * jitter(random);
}

/** Between 0.75 and 1.25: what failed together is not asked again together. */
export function jitter(random: number = Math.random()): number {
  return 0.75 + random * 0.5;
}
