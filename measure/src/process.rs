//! Other programs, which end with this one.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

/// The number of addresses that targets listen at.
pub(crate) const ADDRESSES: u8 = 50;

/// A program that runs until this value is dropped or this process ends.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a program. Its output goes to a file in `place`.
    pub(crate) fn start(place: &Path, program: &str, arguments: &[String]) -> io::Result<Self> {
        let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
        let output = std::fs::File::create(place.join(format!("{name}.log")))?;
        // `setpriv` becomes the program, under the same id. The signal reaches it also if this process
        // is killed and drops nothing.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", program])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self(child))
    }

    /// Returns the id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Returns whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(id) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw)
        else {
            return;
        };
        // Not a kill: nginx has to stop its worker. The process may have ended by itself.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

/// Returns fifty addresses of loopback: one runs out of ports at some 14,000 connections a second.
pub(crate) fn loopback() -> impl Iterator<Item = IpAddr> {
    (1..=ADDRESSES).map(|last| Ipv4Addr::new(127, 0, 1, last).into())
}

/// Returns each of these ports on all addresses of [`loopback`].
pub(crate) fn everywhere(ports: &[u16]) -> Vec<SocketAddr> {
    let everywhere = |port: &u16| {
        loopback().map(move |address| SocketAddr::new(address, *port)).collect::<Vec<_>>()
    };
    ports.iter().flat_map(everywhere).collect()
}

/// Returns ports that are free on loopback now, all different.
pub(crate) fn free_ports(number: usize) -> io::Result<Vec<u16>> {
    let listeners = (0..number).map(|_| TcpListener::bind(("127.0.0.1", 0)));
    let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}
