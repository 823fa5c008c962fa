import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to the server that can be cut, as a pulled cable or a restarting server would. */
export interface Cable {
  url: string;
  /** Ends every connection and takes no new one. */
  cut: () => Promise<void>;
  /** Lets connections through again, on the same port. */
  mend: () => Promise<void>;
  close: () => Promise<void>;
}

/** Lays a cable to a server on this machine. */
export async function layCable(target: string): Promise<Cable> {
  const to = Number(new URL(target).port);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const cut = async () => {
    if (!server.listening) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, cut, mend: () => listen(port), close: cut };
}
