/**
 * What docs/failure-modes.md says each containment action ends in when it is broken: the table, parsed.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const COLUMNS = ['refused', 'throttled', 'time-out', 'server error', 'killed before', 'killed after'] as const
export type Column = typeof COLUMNS[number]

/** As in `partial (failed)`: of the containment, and of the action that was broken. */
export interface DocumentedOutcome { containment: string, action: string }

const HEADER = ['Action broken', ...COLUMNS]
const CELL = /^(\w+) \((\w+)\)$/

/** By row, named without backticks, then by column. @throws Error when the table is not there or has another form */
export function documentedOutcomes (): Map<string, Record<Column, DocumentedOutcome>> {
  const text = readFileSync(join(import.meta.dirname, '../../docs/failure-modes.md'), 'utf8')
  const rows = text.split('\n').filter((line) => line.startsWith('|')).map((line) => line.slice(1, line.lastIndexOf('|')).split('|').map((cell) => cell.trim()))
  const first = rows.findIndex((cells) => cells.join() === HEADER.join())
  if (first === -1) throw new Error(`docs/failure-modes.md has no table with the columns ${HEADER.join(', ')}`)
  const table = rows.slice(first + 2)
  return new Map(table.filter(({ length }) => length === HEADER.length).map(([name, ...cells]) =>
    [name!.replaceAll('`', ''), Object.fromEntries(COLUMNS.map((column, index) => [column, outcomeIn(cells[index]!, name!)])) as Record<Column, DocumentedOutcome>]))
}

function outcomeIn (cell: string, row: string): DocumentedOutcome {
  const found = CELL.exec(cell)
  if (!found) throw new Error(`docs/failure-modes.md: "${cell}" in the row ${row} is not of the form "partial (failed)"`)
  return { containment: found[1]!, action: found[2]! }
}
