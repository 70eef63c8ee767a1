/** The engine broker's config. docs/config.md lists it. */
import {
  commonSchema,
  loadConfig,
  type CommonConfig,
  type ConfigSchema,
  type Environment,
} from '@zerofleet/runtime';

export interface BrokerConfig extends CommonConfig {
  socket: string;
  socketGid: number;
  tokenFile: string;
  dockerSocket: string;
  images: string;
  workers: string;
  node: string;
  seccompFile: string;
  startsMax: number;
  containersMax: number;
}

const schema: ConfigSchema<BrokerConfig> = {
  ...commonSchema(9092),
  socket: {
    doc: 'Unix socket that the worker calls',
    format: 'required',
    default: '',
    env: 'ZF_BROKER_SOCKET',
  },
  socketGid: {
    doc: 'Group that may connect to it; 0 leaves it to the owner alone',
    format: 'count',
    default: 0,
    env: 'ZF_BROKER_SOCKET_GID',
  },
  tokenFile: {
    doc: "File that holds the worker's token",
    format: 'required',
    default: '',
    env: 'ZF_BROKER_TOKEN_FILE',
  },
  dockerSocket: {
    doc: 'Unix socket of the Docker engine',
    format: 'required',
    default: '/var/run/docker.sock',
    env: 'ZF_DOCKER_SOCKET',
  },
  images: {
    doc: 'Image references that containers may be made of, comma separated',
    format: 'required',
    default: '',
    env: 'ZF_BROKER_IMAGES',
  },
  workers: {
    doc: 'Names of the workers that may call, comma separated; empty for any',
    format: String,
    default: '',
    env: 'ZF_BROKER_WORKERS',
  },
  node: { doc: 'Names this broker in container labels', format: 'label', default: 'local', env: 'ZF_NODE' },
  seccompFile: {
    doc: 'Seccomp profile of tool containers',
    format: 'required',
    default: '',
    env: 'ZF_SECCOMP_FILE',
  },
  startsMax: {
    doc: 'Containers that start at once, at most',
    format: 'positive',
    default: 4,
    env: 'ZF_BROKER_STARTS_MAX',
  },
  containersMax: {
    doc: 'Containers of one worker, at most',
    format: 'positive',
    default: 256,
    env: 'ZF_BROKER_CONTAINERS_MAX',
  },
};

/** Throws ConfigError. */
export const loadBrokerConfig = (env: Environment): Readonly<BrokerConfig> => loadConfig(schema, env);
