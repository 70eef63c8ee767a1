/** The engine broker: the only holder of the Docker socket. */
export * from './app.js';
export * from './callers.js';
export * from './containers.js';
export * from './docker-engine.js';
export * from './docker-images.js';
export * from './engine-call.js';
export * from './images.js';
export * from './server.js';
