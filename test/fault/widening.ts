/**
 * Whether access was widened only as promised: for a moment, noted before, at most once per interface, with
 * isolation right behind it. Read from the log of AWS calls; only the note is the controller's own.
 */
import type { LedgerEntry } from '../../controller/incident/incident.ts'
import type { Call } from './containment-run.ts'
import type { Suspect } from './suspects.ts'

const OPENING = /^AuthorizeSecurityGroup/

/** In words; nothing when all is as promised. */
export function wideningMistakes (calls: Call[], { suspect, ledger }: { suspect: Suspect, ledger: LedgerEntry[] }): string[] {
  const ours = calls.filter(({ principal }) => principal.includes('cleanroom-contain')).sort((a, b) => a.start - b.start)
  const opened = new Set(ours.filter((call) => call.action === 'AuthorizeSecurityGroupIngress' && tookEffect(call)).map(({ parameters }) => parameters.GroupId!))
  return [
    ...ours.filter((call) => OPENING.test(call.action) && suspect.securityGroupIds.includes(call.parameters.GroupId!)).map(({ action, parameters }) => `${action} on the instance's own group ${parameters.GroupId}`),
    ...suspect.interfaceIds.flatMap((interfaceId) => swapMistakes(interfaceId, ours, opened, ledger))
  ]
}

function swapMistakes (interfaceId: string, ours: Call[], opened: Set<string>, ledger: LedgerEntry[]): string[] {
  const changes = ours.filter(({ action, parameters }) => action === 'ModifyNetworkInterfaceAttribute' && parameters.NetworkInterfaceId === interfaceId)
  const widens = ({ parameters }: Call): boolean => Object.entries(parameters).some(([name, value]) => name.startsWith('SecurityGroupId') && opened.has(value))
  const widenings = changes.filter((call) => widens(call) && tookEffect(call))
  const note = ledger.find(({ action, detail }) => action === 'containment.widening' && detail.resource === interfaceId)
  return [
    ...widenings.length > 1 ? [`${interfaceId} was opened ${widenings.length} times`] : [],
    ...widenings.flatMap((widening) => [
      ...note === undefined || Date.parse(note.at) > widening.start ? [`${interfaceId} was opened before that was noted`] : [],
      ...afterwards(changes, widening, widens).map((words) => `${interfaceId} ${words}`)
    ])
  ]
}

/** The next change of the interface must isolate it. */
function afterwards (changes: Call[], widening: Call, widens: (call: Call) => boolean): string[] {
  const next = changes.find(({ start, seq }) => start >= widening.start && seq !== widening.seq)
  return next !== undefined && !widens(next) ? [] : ['was opened and not isolated right after']
}

/** AWS carried it out, whatever the client was told. */
function tookEffect ({ status, lostStatus }: Call): boolean {
  return (lostStatus ?? status) < 300
}
