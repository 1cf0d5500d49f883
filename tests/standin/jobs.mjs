// Jobs live in this process: two replicas do not see each other's, which Airbyte's (in Postgres) would.
// How far a job has come follows from its age, so nothing runs in the background.
import { connections } from './data.mjs';

export const JOB_TYPES = ['sync', 'reset', 'refresh', 'clear'];

const RUNNING_AFTER_MS = 200;
const DONE_AFTER_MS = 2000;

export class Jobs {
  #jobs = [];

  constructor(now = Date.now) {
    this.now = now;
    // One finished job, so that lists are not empty.
    this.#jobs.push({ ...this.#job(connections[0].connectionId, 'sync'), startedAt: now() - 3_600_000 });
  }

  create(connectionId, jobType) {
    const job = this.#job(connectionId, jobType);
    this.#jobs.push(job);
    return this.#view(job);
  }

  /** Newest first, as Airbyte lists them. */
  list() {
    return this.#jobs.map((job) => this.#view(job)).reverse();
  }

  get(id) {
    const job = this.#find(id);
    return job && this.#view(job);
  }

  cancel(id) {
    const job = this.#find(id);
    if (job && this.#progress(job).ended === undefined) job.cancelledAt = this.now();
    return job && this.#view(job);
  }

  #find(id) {
    return this.#jobs.find((job) => String(job.jobId) === id);
  }

  #job(connectionId, jobType) {
    return { jobId: this.#jobs.length + 1, connectionId, jobType, startedAt: this.now() };
  }

  #progress({ startedAt, cancelledAt }) {
    const age = (cancelledAt ?? this.now()) - startedAt;
    if (cancelledAt !== undefined) return { status: 'cancelled', ended: cancelledAt };
    if (age < RUNNING_AFTER_MS) return { status: 'pending' };
    if (age < DONE_AFTER_MS) return { status: 'running' };
    return { status: 'succeeded', ended: startedAt + DONE_AFTER_MS };
  }

  #view(job) {
    const { status, ended } = this.#progress(job);
    const { jobId, connectionId, jobType, startedAt } = job;
    return {
      jobId,
      connectionId,
      jobType,
      status,
      startTime: timestamp(startedAt),
      lastUpdatedAt: timestamp(ended ?? this.now()),
      ...(ended !== undefined && { duration: `PT${(ended - startedAt) / 1000}S` }),
      ...(status === 'succeeded' && { bytesSynced: 4096, rowsSynced: 64 }),
    };
  }
}

const timestamp = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
