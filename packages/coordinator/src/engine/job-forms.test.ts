/** What a worker is told of a tool. */
import { describe, expect, it } from 'vitest';
import type { JobTemplate, ToolDefinition } from '@zerofleet/model';
import { runForm } from './job-forms.js';

const template = { tenant: 'a', tool: 'fetch', decision: { mode: 'warm' } } as JobTemplate;
const tool = { name: 'fetch', reuse: 'never', limits: { outputBytes: 1 } } as ToolDefinition;

describe('the form of a job', () => {
  it('names the hosts of a tool that lists some, and has no such field for another', () => {
    const egress = { hosts: ['api.example.com'] };
    expect(runForm(template, { ...tool, egress })).toMatchObject({ tool: 'fetch', mode: 'warm', egress });
    expect('egress' in runForm(template, tool)).toBe(false);
  });
});
