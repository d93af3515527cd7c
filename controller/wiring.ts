/**
 * The composition root: the only file that knows every adapter.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SSMClient } from '@aws-sdk/client-ssm'
import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import { AwsClients } from './aws/clients.ts'
import { readBaseline } from './baseline/read-baseline.ts'
import { CleanRooms } from './clean-room/engine.ts'
import type { Config } from './config.ts'
import { startEmbeddedPostgres } from './database/embedded-postgres.ts'
import { IncidentStore } from './database/incident-store.ts'
import { migrate } from './database/migrate.ts'
import { createPool } from './database/pool.ts'
import { launch, shutdown } from './durable/durable.ts'
import { CustodyStore } from './evidence/custody-store.ts'
import { EvidenceStore } from './evidence/evidence-store.ts'
import { Manifests } from './evidence/manifest.ts'
import { buildApp } from './http/app.ts'
import { oidcIdentity } from './http/identity.ts'
import { Notifier } from './notify/notifier.ts'
import { ContainmentService } from './response/containment-service.ts'
import { EventFeed } from './response/event-feed.ts'
import { IncidentService } from './response/incident-service.ts'
import type { ResponseParts } from './response/parts.ts'
import { registerResponse } from './response/respond-to-incident.ts'
import { readiness } from './readiness.ts'

/** Changes when the order of steps of a workflow does: incidents in flight belong to their version. */
const WORKFLOW_VERSION = '2'

export interface Controller {
  /** Listens; answers the address. */
  listen: () => Promise<string>
  /** Stops taking requests, then steps, then lets go of the database. */
  close: () => Promise<void>
}

/**
 * Connects everything and takes up what was in flight.
 * @throws CleanroomError BASELINE_MISSING, ENGINE_UNAVAILABLE, AWS_*
 */
export async function wire (config: Config, log: Logger): Promise<Controller> {
  await mkdir(config.stateDir, { recursive: true, mode: 0o711 })
  const baseline = await readBaseline(new SSMClient({ region: config.region }), config.baselineParameter)
  const postgres = config.databaseUrl
    ? { url: config.databaseUrl, stop: async () => {} }
    : await startEmbeddedPostgres({ dataDir: join(config.stateDir, 'postgres'), logFile: join(config.stateDir, 'postgres.log') })
  const pool = createPool(postgres.url, (error) => { log.warn({ err: error }, 'a database connection broke') })
  await migrate(pool)

  const clients = new AwsClients(baseline)
  const incidents = new IncidentStore(pool)
  const custody = new CustodyStore(pool)
  const evidence = new EvidenceStore({ s3: clients.s3(baseline, 'controller'), pool, custody, baseline })
  const parts: ResponseParts = {
    baseline,
    clients,
    incidents,
    custody,
    evidence,
    manifests: new Manifests({ kms: clients.kms(baseline, 'controller'), incidents, custody, evidence, baseline }),
    rooms: new CleanRooms({
      baseline,
      stateDir: config.stateDir,
      cloud: { ec2: clients.ec2(baseline, 'build'), iam: clients.iam(baseline, 'build') },
      states: clients.s3(baseline, 'controller'),
      ...config.pulumiHome && { pulumiHome: config.pulumiHome }
    }),
    notifier: new Notifier(clients.sns(baseline, 'controller'), baseline.notificationTopicArn, log),
    scriptsDirectory: fileURLToPath(new URL('../scripts', import.meta.url))
  }
  const response = registerResponse(parts)
  const feed = new EventFeed(incidents)
  const service = new IncidentService(parts, response, feed, {
    accounts: [baseline.accountId, ...baseline.scope?.accounts ?? []],
    regions: [baseline.region, ...baseline.scope?.regions ?? []],
    roomLifetimeHours: config.roomLifetimeHours
  })
  const containment = new ContainmentService(parts, response)
  const app = await buildApp({
    incidents: service,
    containment,
    evidence,
    ledger: custody,
    identity: oidcIdentity(config.oidc),
    health: { ready: () => readiness({ pool, clients, baseline }) },
    metrics: new Registry(),
    logger: log
  })
  await feed.start()
  await launch({ databaseUrl: postgres.url, version: WORKFLOW_VERSION, log: log.child({ part: 'durable' }) })
  await service.takeUp()
  await containment.takeUp()
  return {
    listen: async () => await app.listen({ host: config.host, port: config.port }),
    close: async () => {
      await app.close()
      await feed.stop()
      await shutdown()
      await pool.end()
      await postgres.stop()
    }
  }
}
