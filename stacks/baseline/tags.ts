import * as pulumi from '@pulumi/pulumi'

/** Everything Cleanroom makes says so, and what it is for. */
export function tags (purpose: string): Record<string, string> {
  return { 'cleanroom:managed': 'true', 'cleanroom:purpose': purpose }
}

/**
 * The same for what may outlive its stack: also whose it is. An import must match what is there, so a
 * stack can take back its own vault and keys, and cannot take those of another.
 */
export function keptTags (purpose: string): Record<string, string> {
  return { ...tags(purpose), 'cleanroom:stack': pulumi.getStack() }
}
