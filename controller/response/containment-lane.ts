/**
 * Containment of one instance as a durable lane: disarm, isolate, divert, prove.
 *
 * A failed action holds no other up and loosens nothing; the proof decides what the lane reports.
 */
import type { ActionContext } from '../containment/actions/action.ts'
import { containmentState, cutOffAt } from '../containment/outcome.ts'
import { keyOf, performAction, recordFailure } from '../containment/perform-action.ts'
import { isolateInterface, planContainment, STAGES, type ContainmentPolicy, type PlannedAction } from '../containment/plan.ts'
import { proveContainment, type ContainmentProof } from '../containment/proof.ts'
import { residualRisks } from '../containment/residual-risks.ts'
import { step, workflow, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import { CleanroomError } from '../incident/errors.ts'
import type { Containment, ContainmentAction, Incident } from '../incident/incident.ts'
import type { InstanceFacts } from '../triage/target-facts.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY } from './step-policies.ts'

/** How often interfaces that turn up while the lane runs are isolated before it gives up. */
const ROUNDS = 3

export interface ContainmentInput { incidentId: string, ticket: string, facts: InstanceFacts, policy: ContainmentPolicy, attempt: number }

export function registerContainment (parts: ResponseParts): Workflow<[ContainmentInput], Containment['state']> {
  return workflow('contain', async (input: ContainmentInput) => {
    const { incidentId, facts } = input
    const lane = laneOf(parts, input)
    const plan = planContainment(facts, input.policy)
    await step('contain.plan', POLICY.record, () => lane.recordPlan(plan))

    // The latest word on each action: a later round makes good what an earlier one could not do.
    const latest = new Map<string, ContainmentAction>()
    const keep = (results: ContainmentAction[]): void => { for (const result of results) latest.set(result.key, result) }
    for (const stage of STAGES) keep(await lane.run(plan.filter((planned) => planned.stage === stage), groupOf([...latest.values()]), 1))
    let proof = await lane.prove('contain.prove/1', groupOf([...latest.values()]))
    for (let round = 2; round <= ROUNDS && proof.exposedInterfaces.length > 0; round++) {
      keep(await lane.run(proof.exposedInterfaces.map(isolateInterface), groupOf([...latest.values()]), round))
      proof = await lane.prove(`contain.prove/${round}`, groupOf([...latest.values()]))
    }
    const actions = [...latest.values()]
    const state = containmentState(actions, proof)
    await step('contain.outcome', POLICY.record, () => lane.recordOutcome(state, actions, proof))
    if (state === 'failed') {
      throw new CleanroomError('AWS_ERROR', `${facts.instanceId} is not contained: ${
        proof.checks.filter(({ ok }) => !ok).map(({ name, observed }) => `${name} (${observed})`).join('; ')}`,
      { extra: { incidentId, failed: actions.filter((each) => each.state === 'failed') } })
    }
    return state
  })
}

function groupOf (actions: ContainmentAction[]): string | undefined {
  const made = actions.findLast(({ action, state }) => action === 'prepare-isolation-group' && state !== 'failed')
  return (made?.after as { groupId?: string } | undefined)?.groupId
}

function laneOf ({ clients, custody, incidents }: ResponseParts, { incidentId, ticket, facts, attempt }: ContainmentInput) {
  const { instanceId, vpcId } = facts
  const containmentClients = {
    ec2: clients.ec2(facts, 'contain'),
    autoScaling: clients.autoScaling(facts, 'contain'),
    elb: clients.elb(facts, 'contain'),
    elbv2: clients.elbv2(facts, 'contain')
  }
  const change = async (edit: (containment: Containment, incident: Incident) => void, type: string, data: Record<string, unknown>): Promise<void> => {
    await incidents.update(incidentId, (incident) => {
      edit(incident.targets.find((target) => target.instanceId === instanceId)!.containment, incident)
    }, { type, data: { instanceId, ...data } })
  }
  const put = async (action: ContainmentAction): Promise<void> => {
    await change(({ actions }) => {
      const at = actions.findIndex(({ key }) => key === action.key)
      if (at === -1) actions.push(action)
      else actions[at] = action
    }, 'containment.action', { action: action.action, resource: action.resource, state: action.state })
  }
  return {
    recordPlan: async (plan: PlannedAction[]): Promise<void> => {
      await change((containment) => {
        if (containment.actions.length > 0) return
        containment.actions = plan.map((planned) => ({ key: keyOf(instanceId, planned), action: planned.kind, resource: planned.resource, state: 'planned' }))
        containment.residualRisks = residualRisks(facts)
      }, 'containment.planned', { actions: plan.length })
    },

    /** Runs the actions side by side, each in a step of its own; a failure is a result. */
    run: async (planned: PlannedAction[], isolationGroupId: string | undefined, round: number): Promise<ContainmentAction[]> => {
      const occasion = `${attempt}.${round}`
      const context: ActionContext = { clients: containmentClients, incidentId, instanceId, ticket, ...isolationGroupId && { isolationGroupId } }
      const settled = await Promise.allSettled(planned.map(async (each) =>
        await step(`contain.${each.kind}/${each.resource}/${round}`, POLICY.contain, async () => {
          const done = await performAction(custody, context, each, occasion)
          await put(done)
          return done
        })))
      const results: ContainmentAction[] = []
      for (const [index, outcome] of settled.entries()) {
        if (outcome.status === 'fulfilled') {
          results.push(outcome.value)
          continue
        }
        const each = planned[index]!
        results.push(await step(`contain.failed/${each.kind}/${each.resource}/${round}`, POLICY.record, async () => {
          const failed = await recordFailure(custody, context, each, occasion, outcome.reason)
          await put(failed)
          return failed
        }))
      }
      return results
    },

    prove: async (name: string, isolationGroupId: string | undefined): Promise<ContainmentProof> =>
      await step(name, POLICY.contain, async () =>
        await proveContainment(containmentClients, { instanceId, vpcId, ...isolationGroupId && { isolationGroupId } }, new Date())),

    recordOutcome: async (state: Containment['state'], actions: ContainmentAction[], { exposedInterfaces, ...proof }: ContainmentProof): Promise<void> => {
      const at = cutOffAt(actions)
      await custody.append(incidentId, {
        key: `contain/${instanceId}/outcome/${attempt}`,
        actor: controllerActor('contain'),
        action: 'containment.proved',
        detail: { instanceId, state, proof, exposedInterfaces }
      })
      await change((containment, incident) => {
        containment.state = state
        containment.proof = proof
        if (at) {
          containment.containedAt = at
          incident.timings['time-to-contain'] = Date.parse(at) - Date.parse(incident.openedAt)
        }
      }, 'containment.proved', { state, ok: proof.ok })
    }
  }
}
