/** Jobs that show a newcomer what a fleet does. */
import type { Submit } from '@zerofleet/protocol';

export interface Sample {
  readonly title: string;
  readonly submit: Submit;
  /** A piece of text that its output or result must hold, or it counts as failed. */
  readonly expect: string;
}

const PYTHON = `import platform, time
print("Python", platform.python_version())
for n in range(1, 6):
    print(f"step {n} of 5", flush=True)
    time.sleep(0.3)
print("sum", sum(range(1_000_001)))
`;

export const SAMPLES: readonly Sample[] = [
  {
    title: 'code_execution, python: prints as it goes',
    submit: { tool: 'code_execution', arguments: { runtime: 'python', code: PYTHON } },
    expect: 'sum 500000500000',
  },
  {
    title: 'code_execution, terminal',
    submit: {
      tool: 'code_execution',
      arguments: { runtime: 'terminal', code: 'id -un; pwd; seq 3 | paste -sd+ | tee sum.txt' },
    },
    expect: '1+2+3',
  },
  {
    title: 'code_execution, nodejs',
    submit: {
      tool: 'code_execution',
      arguments: { runtime: 'nodejs', code: 'console.log("Node", process.version, [3, 1, 2].sort())' },
    },
    expect: '[ 1, 2, 3 ]',
  },
  {
    title: 'text_editor: reads a file that came with the job',
    submit: {
      tool: 'text_editor',
      arguments: { action: 'read', path: 'note.txt' },
      files: [{ path: 'note.txt', encoding: 'utf8', data: 'a line for the fleet\n' }],
    },
    expect: 'a line for the fleet',
  },
  { title: 'echo', submit: { tool: 'echo', arguments: { text: 'hello fleet' } }, expect: 'hello fleet' },
];
