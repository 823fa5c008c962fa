//! The processor time and memory of this process and of others, from `/proc`.

use std::{collections::HashMap, fs, io, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// Returns the processor time of this process so far, user and system, without its children.
pub(crate) fn own() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    let nanoseconds = u32::try_from(spent.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(spent.tv_sec).unwrap_or_default(), nanoseconds)
}

/// Returns the processor time of the children of this process that have ended.
pub(crate) fn ended_children() -> io::Result<Duration> {
    Ok(Stat::read(std::process::id())?.ended_children)
}

/// Returns the processor time of a process with all its descendants, ended ones included.
pub(crate) fn tree(root: u32) -> io::Result<Duration> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut spent: HashMap<u32, Duration> = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(process) = entry?.file_name().to_string_lossy().parse() else { continue };
        // A process that ended meanwhile counts among the ended children of its parent.
        let Ok(stat) = Stat::read(process) else { continue };
        children.entry(stat.parent).or_default().push(process);
        spent.insert(process, stat.own + stat.ended_children);
    }
    let (mut total, mut rest) = (Duration::ZERO, vec![root]);
    while let Some(process) = rest.pop() {
        total += spent.get(&process).copied().unwrap_or_default();
        rest.extend(children.remove(&process).unwrap_or_default());
    }
    Ok(total)
}

/// Returns the parent of a process.
pub(crate) fn parent(process: u32) -> io::Result<u32> {
    Ok(Stat::read(process)?.parent)
}

/// Returns the resident memory of a process in bytes.
pub(crate) fn resident(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.map(|size| size * 1024).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The fields of `/proc/PID/stat` that are used here.
#[derive(PartialEq, Eq, Debug)]
struct Stat {
    parent: u32,
    own: Duration,
    ended_children: Duration,
}

impl Stat {
    fn read(process: u32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let ticks = rustix::param::clock_ticks_per_second();
        Self::parse(&text, ticks).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn parse(text: &str, ticks_per_second: u64) -> Option<Self> {
        // The second field is the name in brackets, which may itself contain spaces and brackets.
        let (_, fields) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        // The first of these is field 3, the state.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let time = |user, system| {
            let ticks = number(user)? + number(system)?;
            Some(Duration::from_millis(ticks * 1000 / ticks_per_second))
        };
        Some(Self {
            parent: u32::try_from(number(4)?).ok()?,
            own: time(14, 15)?,
            ended_children: time(16, 17)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_name_of_a_process_does_not_shift_the_fields_behind_it() {
        let text = "4711 (a) b (c) S 17 4711 4711 0 -1 4194560 1 2 3 4 250 50 7 3 20 0 1 0 99 1 2";
        let expected = Stat {
            parent: 17,
            own: Duration::from_secs(3),
            ended_children: Duration::from_millis(100),
        };
        assert_eq!(Stat::parse(text, 100), Some(expected));
        assert_eq!(Stat::parse("4711 (short) S 17", 100), None);
    }

    #[test]
    fn work_of_a_child_counts_once_it_has_ended() {
        let before = ended_children().unwrap();
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        assert!(Command::new("sh").args(["-c", busy]).status().unwrap().success());
        let spent = ended_children().unwrap() - before;
        assert!(spent >= Duration::from_millis(20), "{spent:?}");
        let whole = tree(std::process::id()).unwrap();
        assert!(whole >= spent && whole < Duration::from_secs(3600), "{whole:?}");
        assert!(resident(std::process::id()).unwrap() > 1024 * 1024);
    }
}
