/** The engine broker: the only holder of the Docker socket. */
export * from './app.js';
