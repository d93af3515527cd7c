/** Everything Cleanroom makes says so, and what it is for. */
export function tags (purpose: string): Record<string, string> {
  return { 'cleanroom:managed': 'true', 'cleanroom:purpose': purpose }
}
