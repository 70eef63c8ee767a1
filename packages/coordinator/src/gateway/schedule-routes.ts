/**
 * A tenant's schedules over HTTP.
 *
 * S1  What a schedule will submit is checked when it is set, as a submission would be; it is checked again at each run.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { INLINE_ARGUMENTS_BYTES_MAX, SCHEDULES_MAX, type Refusal } from '@zerofleet/model';
import {
  controlKeys,
  ScheduleShape,
  type Schedule,
  type ScheduleRecord,
  type SchedulesView,
  type ScheduleView,
} from '@zerofleet/protocol';
import { timetableOf, ZONE_DEFAULT } from '../controls/cron.js';
import { checkSubmit, type AdmissionOptions } from './admission.js';
import { noSuch, tooMany, v, wrong, type ControlDesk } from './control-desk.js';
import { param } from './params.js';
import { refuse } from './refusals.js';

/** Runs that a view names. */
const NEXT_SHOWN = 3;
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Adds the routes of schedules. */
export const addScheduleRoutes = (
  server: FastifyInstance,
  desk: ControlDesk,
  admission: AdmissionOptions,
): void => {
  const routes = new ScheduleRoutes(desk, admission);
  const config = { scope: 'manage' as const };
  const one = '/v1/schedules/:name';
  server.get('/v1/schedules', { config }, (request) => routes.list(request));
  server.get(one, { config }, (request, reply) => routes.get(request, reply));
  server.put(one, { config, schema: { body: ScheduleShape } }, (request, reply) =>
    routes.put(request, reply),
  );
  server.delete(one, { config }, (request, reply) => routes.remove(request, reply));
};

class ScheduleRoutes {
  private readonly desk: ControlDesk;
  private readonly admission: AdmissionOptions;

  constructor(desk: ControlDesk, admission: AdmissionOptions) {
    this.desk = desk;
    this.admission = admission;
  }

  list(request: FastifyRequest): SchedulesView {
    return { schedules: this.desk.controls.schedulesOf(request.tenant).map((record) => this.viewOf(record)) };
  }

  get(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const record = this.desk.controls.schedule(request.tenant, param(request, 'name'));
    return record === undefined ? refuse(reply, NO_SUCH) : reply.send(this.viewOf(record));
  }

  async put(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { tenant } = request;
    const { controls, clock } = this.desk;
    const name = param(request, 'name');
    const schedule = request.body as Schedule;
    const nowMs = clock.wallMs();
    const refused = this.check(request, name, schedule, nowMs);
    if (refused !== undefined) return refuse(reply, refused);
    if (controls.schedulesOf(tenant).length >= SCHEDULES_MAX && controls.schedule(tenant, name) === undefined)
      return refuse(reply, tooMany('schedules', SCHEDULES_MAX));
    const by = request.caller.name;
    const changed = await this.desk.change('schedule', controlKeys.schedule(tenant, name), (before) => ({
      ...(before ?? { v, tenant, name, createdAtMs: nowMs }),
      ...{ schedule, updatedAtMs: nowMs, by },
      // Of one that was deleted and is made again, too: its runs must not be taken for those of the old one.
      revision: Math.max((before?.revision ?? 0) + 1, nowMs),
    }));
    if ('refused' in changed) return refuse(reply, changed.refused);
    return reply.code(changed.isNew ? 201 : 200).send(this.viewOf(changed.record));
  }

  async remove(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const name = param(request, 'name');
    if (this.desk.controls.schedule(request.tenant, name) === undefined) return refuse(reply, NO_SUCH);
    const refused = await this.desk.remove(controlKeys.schedule(request.tenant, name));
    return refused === undefined ? reply.code(204).send() : refuse(reply, refused);
  }

  /** S1. */
  private check(
    request: FastifyRequest,
    name: string,
    schedule: Schedule,
    nowMs: number,
  ): Refusal | undefined {
    if (!NAME.test(name))
      return wrong('name', 'must be 1-63 characters of a-z 0-9 -, starting with a letter or digit');
    const times = timetableOf(schedule, nowMs);
    if ('message' in times) return wrong(times.member, times.message);
    const { job } = schedule;
    const bytes = Buffer.byteLength(
      JSON.stringify({ arguments: job.arguments, files: job.files, collect: job.collect }),
    );
    if (bytes > INLINE_ARGUMENTS_BYTES_MAX)
      return wrong(
        'job',
        `may have ${INLINE_ARGUMENTS_BYTES_MAX} bytes of arguments, files and paths at most`,
      );
    const checked = checkSubmit(this.admission, request.tenant, job);
    return checked.kind === 'refused' ? checked.refusal : undefined;
  }

  private viewOf({ name, schedule, createdAtMs, updatedAtMs }: ScheduleRecord): ScheduleView {
    const { cron, zone = ZONE_DEFAULT, missed = 'once', enabled = true, job } = schedule;
    return {
      ...{ name, cron, zone, missed, enabled, job },
      createdAt: new Date(createdAtMs).toISOString(),
      updatedAt: new Date(updatedAtMs).toISOString(),
      next: enabled ? nextOf(schedule, this.desk.clock.wallMs()) : [],
    };
  }
}

const NO_SUCH: Refusal = noSuch('schedule of yours');

const nextOf = (schedule: Schedule, nowMs: number): readonly string[] => {
  const timetable = timetableOf(schedule, nowMs);
  const times: string[] = [];
  let at: number | undefined = nowMs;
  while ('next' in timetable && times.length < NEXT_SHOWN) {
    at = timetable.next(at);
    if (at === undefined) break;
    times.push(new Date(at).toISOString());
  }
  return times;
};
