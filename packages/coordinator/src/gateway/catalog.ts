/** The tools of this release, with compiled argument schemas. A schema that does not compile stops the start. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { JsonObject, Refusal, ToolDefinition, ToolName } from '@zerofleet/model';
import type { ToolView } from '@zerofleet/protocol';
import { ConfigError } from '@zerofleet/runtime';
import { withoutRefs } from './secret-refs.js';

/** Schema errors that an answer lists, at most. */
const ERRORS_MAX = 5;
/** Keywords that say what a text is like. */
const OF_TEXTS = new Set(['minLength', 'maxLength', 'pattern', 'format', 'enum', 'const']);

export class Catalog {
  readonly definitions: ReadonlyMap<ToolName, ToolDefinition>;
  private readonly validators = new Map<ToolName, ValidateFunction>();

  /** Throws ConfigError that names the tool whose schema is broken. */
  constructor(definitions: readonly ToolDefinition[]) {
    this.definitions = new Map(definitions.map((definition) => [definition.name, definition]));
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
    for (const { name, arguments: schema } of definitions) {
      try {
        this.validators.set(name, ajv.compile(schema));
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
    const validate = this.validators.get(tool.name);
    const plain = withoutRefs(args);
    if (validate === undefined || validate(plain.args)) return undefined;
    // What a secret's text must be like nobody can say here; that it is a text is known.
    const known = (validate.errors ?? []).filter(
      ({ instancePath, keyword }) => !plain.paths.has(instancePath) || !OF_TEXTS.has(keyword),
    );
    if (known.length === 0) return undefined;
    const errors = describe(known);
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
