/** The tools of this release, with compiled argument schemas. A schema that does not compile stops the start. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { JsonObject, Refusal, ToolDefinition, ToolName } from '@zerofleet/model';
import type { ToolView } from '@zerofleet/protocol';
import { ConfigError } from '@zerofleet/runtime';
import { relaxed } from './relaxed-schema.js';
import { withPlaceholders } from './secret-refs.js';

/** Schema errors that an answer lists, at most. */
const ERRORS_MAX = 5;

/** A tool's schema, and the same for arguments that refer to secrets. */
interface Validators {
  readonly plain: ValidateFunction;
  readonly relaxed: ValidateFunction;
}

export class Catalog {
  readonly definitions: ReadonlyMap<ToolName, ToolDefinition>;
  private readonly validators = new Map<ToolName, Validators>();

  /** Throws ConfigError that names the tool whose schema is broken. */
  constructor(definitions: readonly ToolDefinition[]) {
    this.definitions = new Map(definitions.map((definition) => [definition.name, definition]));
    // One error is enough for an answer; to find all of them would cost as much as the caller likes.
    const strict = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: false });
    const lenient = new Ajv2020({ strict: false, allErrors: false });
    for (const { name, arguments: schema } of definitions) {
      try {
        const plain = strict.compile(schema);
        this.validators.set(name, { plain, relaxed: lenient.compile(relaxed(schema)) });
      } catch (error) {
        throw new ConfigError(`tool ${name}: its argument schema is broken: ${(error as Error).message}`);
      }
    }
  }

  find(name: string): ToolDefinition | undefined {
    return this.definitions.get(name as ToolName);
  }

  /** What is wrong with `args` for the tool, or undefined. */
  check(tool: ToolDefinition, args: JsonObject): Refusal | undefined {
    const validators = this.validators.get(tool.name);
    if (validators === undefined) return undefined;
    const filled = withPlaceholders(args);
    const validate = filled === undefined ? validators.plain : validators.relaxed;
    if (validate(filled ?? args)) return undefined;
    // An `if` only repeats what is wrong inside.
    const errors = describe((validate.errors ?? []).filter(({ keyword }) => keyword !== 'if'));
    const first = errors[0];
    const where = first === undefined ? '' : `: ${first.path} ${first.message}`;
    return {
      code: 'invalid_arguments',
      detail: `The arguments do not fit the schema of ${tool.name}${where}. GET /v1/tools/${tool.name} shows it.`,
      errors,
    };
  }

  list(): ToolView[] {
    return [...this.definitions.values()].map(viewOf);
  }
}

export const viewOf = (tool: ToolDefinition): ToolView => ({
  name: tool.name,
  version: tool.version,
  description: tool.description,
  ...tool.limits,
  ...(tool.egress === undefined ? {} : { egress: tool.egress }),
  arguments: tool.arguments,
});

const describe = (errors: readonly ErrorObject[]): { path: string; message: string }[] =>
  errors.slice(0, ERRORS_MAX).map((error) => ({
    path: `/arguments${error.instancePath}`,
    message: `${error.message ?? 'does not fit'}${extra(error)}`,
  }));

/** The name of a property that is too much, which ajv leaves out of its message. */
const extra = (error: ErrorObject): string => {
  const name: unknown = (error.params as Record<string, unknown>)['additionalProperty'];
  return typeof name === 'string' ? `: '${name}'` : '';
};
