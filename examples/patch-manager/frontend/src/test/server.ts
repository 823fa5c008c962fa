import { setupServer } from 'msw/node';
import { handlers } from '../mocks/handlers';

/** Answers the tests' requests; a test adds what it needs with `server.use`. */
export const server = setupServer(...handlers);
