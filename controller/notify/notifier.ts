/**
 * Tells people, through the notification topic, what a response did and what it waits for.
 *
 * A message that can't be sent never holds a response up: it is logged and the incident goes on.
 */
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns'
import type { Incident } from '../incident/incident.ts'

/** A topic that does not answer must not hold a response up. */
const LIMIT_MS = 5_000

export interface NotifierLog { warn: (details: object, message: string) => void }

export interface Notice { subject: string, message: string, urgent: boolean }

export class Notifier {
  readonly #sns: SNSClient
  readonly #topicArn: string
  readonly #log: NotifierLog

  constructor (sns: SNSClient, topicArn: string, log: NotifierLog) {
    this.#sns = sns
    this.#topicArn = topicArn
    this.#log = log
  }

  /** Sends one notice; answers whether it was accepted. SNS subjects hold 99 ASCII characters. */
  async tell (incident: Pick<Incident, 'id' | 'phase' | 'severity' | 'ticket'>, { subject, message, urgent }: Notice): Promise<boolean> {
    try {
      await this.#sns.send(new PublishCommand({
        TopicArn: this.#topicArn,
        Subject: subject.replace(/[^\x20-\x7e]/g, ' ').slice(0, 99),
        Message: message,
        MessageAttributes: {
          incident: { DataType: 'String', StringValue: incident.id },
          phase: { DataType: 'String', StringValue: incident.phase },
          severity: { DataType: 'String', StringValue: incident.severity },
          urgent: { DataType: 'String', StringValue: String(urgent) }
        }
      }), { abortSignal: AbortSignal.timeout(LIMIT_MS) })
      return true
    } catch (error) {
      this.#log.warn({ incidentId: incident.id, error }, 'a notification could not be sent')
      return false
    }
  }
}
