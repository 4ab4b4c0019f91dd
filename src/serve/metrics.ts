/** Numbers for Prometheus. A registry of its own for each server, so that several live in one process. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Engine } from '../infer/engine/types.js'

export interface Metrics {
  readonly registry: Registry
  readonly requests: Counter<'method' | 'route' | 'status'>
  readonly duration: Histogram<'route'>
  readonly firstToken: Histogram<'model'>
  readonly tokens: Counter<'model' | 'kind'>
  readonly cancelled: Counter
  readonly active: Gauge
  readonly connections: Gauge
}

/** How long requests take, in seconds: a token is some milliseconds, a long answer minutes. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

export function createMetrics(engine: Pick<Engine, 'stats' | 'models'>): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const engineGauge = (name: string, help: string, read: 'busy' | 'queued' | 'slots' | 'bytes') =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set((await engine.stats())[read])
      },
    })
  engineGauge('athanor_engine_slots', 'Slots of the loaded models', 'slots')
  engineGauge('athanor_engine_busy_slots', 'Requests that are being answered', 'busy')
  engineGauge('athanor_engine_queued_requests', 'Requests that wait for a slot', 'queued')
  engineGauge('athanor_engine_model_bytes', 'Memory of the loaded models', 'bytes')
  return {
    registry,
    requests: new Counter({
      name: 'athanor_http_requests_total',
      help: 'Requests answered',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    duration: new Histogram({
      name: 'athanor_http_request_duration_seconds',
      help: 'From the request to the end of its answer',
      labelNames: ['route'],
      buckets,
      registers,
    }),
    firstToken: new Histogram({
      name: 'athanor_time_to_first_token_seconds',
      help: 'From the request to the first text of its answer',
      labelNames: ['model'],
      buckets,
      registers,
    }),
    tokens: new Counter({
      name: 'athanor_tokens_total',
      help: 'Tokens read (prompt), of these not computed again (cached), and written (completion)',
      labelNames: ['model', 'kind'],
      registers,
    }),
    cancelled: new Counter({
      name: 'athanor_cancelled_requests_total',
      help: 'Requests whose client left before the answer was whole',
      registers,
    }),
    active: new Gauge({ name: 'athanor_http_active_requests', help: 'Requests under way', registers }),
    connections: new Gauge({ name: 'athanor_http_connections', help: 'Open connections', registers }),
  }
}
