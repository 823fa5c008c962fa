/** The demo's simulated fleet: stands here until the application's routes for it do. */
export function DemoFleetPanel(_: { hostId: string }) {
  return null;
}
