/** The table of the response's roles: what each is for, what it may do. */
import type { RoleName } from '../names.ts'
import { acquirePolicy } from './acquire.ts'
import { analysePolicy } from './analyse.ts'
import { breakGlassPolicy } from './break-glass.ts'
import { buildPolicy } from './build.ts'
import { containPolicy } from './contain.ts'
import { controllerPolicy } from './controller.ts'
import type { PolicyContext, PolicyDocument } from './document.ts'
import { investigatorPolicy } from './investigator.ts'

interface RoleDefinition { description: string, policy: (ctx: PolicyContext) => PolicyDocument }

export const ROLE_POLICIES: Record<RoleName, RoleDefinition> = {
  controller: { description: 'Runs the response: becomes a phase, keeps evidence and state', policy: controllerPolicy },
  contain: { description: 'Cuts suspected machines off, and releases them', policy: containPolicy },
  acquire: { description: 'Reads suspected machines and takes copies', policy: acquirePolicy },
  build: { description: 'Makes and removes clean rooms', policy: buildPolicy },
  analyse: { description: 'Runs analysis packages on clean-room workstations', policy: analysePolicy },
  investigator: { description: 'Reads cases and evidence', policy: investigatorPolicy },
  breakGlass: { description: 'Emergency: contains by hand, may end GOVERNANCE retention', policy: breakGlassPolicy }
}
