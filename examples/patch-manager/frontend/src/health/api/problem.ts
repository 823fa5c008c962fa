import type { FieldError, Problem } from './types';

/** A refusal by the server, in the API's own words (`application/problem+json`). */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';

  constructor(
    /** The HTTP status. */
    readonly status: number,
    /** The stable code, such as `limit_reached`. */
    readonly code: string,
    /** What to do, for people. */
    message: string,
    /** What is wrong with each field. */
    readonly fields: readonly FieldError[] = [],
    /** Seconds after which to try again, where the server said so. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

/** The server could not be reached, or its answer could not be read. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';

  constructor(cause: unknown) {
    super('The server cannot be reached. Your changes were not sent; try again in a moment.', {
      cause,
    });
  }
}

/** What openapi-fetch resolves to. */
interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The data of an answer, or a {@link ProblemError} or {@link UnreachableError}. */
export async function unwrap<Data>(answer: Promise<Answer<Data>>): Promise<Data> {
  let resolved: Answer<Data>;
  try {
    resolved = await answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new UnreachableError(error);
  }
  if (resolved.response.ok) return resolved.data as Data;
  throw toProblem(resolved.response, resolved.error);
}

/** The problem that an answer's body tells of; a plain one where the body is not the API's. */
export function toProblem(response: Response, body: unknown): ProblemError {
  const problem: Partial<Problem> = isRecord(body) ? body : {};
  return new ProblemError(
    response.status,
    problem.code ?? 'unexpected',
    problem.detail ?? problem.title ?? fallback(response.status),
    Array.isArray(problem.errors) ? problem.errors : [],
    seconds(response.headers.get('Retry-After')),
  );
}

/** What went wrong, for people, whatever was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof ProblemError && error.status === 429 && error.retryAfter !== null) {
    return `${error.message.replace(/\.?$/, '.')} Try again in ${error.retryAfter} s.`;
  }
  if (error instanceof Error) return error.message;
  return 'Something went wrong.';
}

/** Whether asking again may help: the server was out of reach or in trouble. */
export function isPassing(error: unknown): boolean {
  return error instanceof UnreachableError || (error instanceof ProblemError && error.status >= 500);
}

function fallback(status: number): string {
  switch (status) {
    case 401:
      return 'You are not signed in, or your token is no longer valid.';
    case 403:
      return 'You do not have the right to do this.';
    case 404:
      return 'Not found, or you do not have access to it.';
    case 412:
      return 'Somebody else has changed this in the meantime.';
    case 503:
      return 'The store cannot be reached at the moment. Try again.';
    default:
      return `The server answered with status ${status}.`;
  }
}

function seconds(header: string | null): number | null {
  const value = Number(header);
  return header !== null && Number.isFinite(value) ? value : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
