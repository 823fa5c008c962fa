import type { TestProject } from 'vitest/node';
import { startDemo } from './demo';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the demo serves. */
    url: string;
  }
}

/** One demo for all files; each works on hosts of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const demo = await startDemo(...(process.env.DEMO_OPTIONS?.split(' ') ?? []));
  project.provide('url', demo.url);
  return demo.stop;
}
