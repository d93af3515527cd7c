/**
 * Filters of EC2's describe calls.
 */
import type { Filter } from '@aws-sdk/client-ec2'

/** Amazon EC2 User Guide, "List and filter using the CLI and API": a filter takes 200 values. */
const MOST_VALUES = 200

/** As many filters, for as many calls, as the values take. */
export function filtersBy (Name: string, values: string[]): Filter[] {
  return Array.from({ length: Math.ceil(values.length / MOST_VALUES) }, (_, index) => ({ Name, Values: values.slice(index * MOST_VALUES, (index + 1) * MOST_VALUES) }))
}
