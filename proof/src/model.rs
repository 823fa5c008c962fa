//! The model that `stateright` searches: its states are worlds, told by the steps that lead to them.

use std::{
    hash::{Hash, Hasher},
    time::{Duration, Instant},
};

use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::{
    configuration::{Configuration, Sight},
    world::{Action, World},
};

/// A state of a world. It can be made again from the steps that led to it; equal worlds have the same
/// number, whatever led to them.
#[derive(Clone, Debug)]
pub struct State {
    path: Vec<Action>,
    number: u64,
    next: Vec<Action>,
    sights: u32,
    violation: Option<String>,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for State {}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.number.hash(hasher);
    }
}

/// All that can happen in a configuration.
#[derive(Clone, Debug)]
struct Worlds(Configuration);

impl Worlds {
    fn state(&self, path: Vec<Action>) -> State {
        let mut world = World::new(&self.0);
        for action in &path {
            world.take(*action);
        }
        State {
            number: world.digest(),
            next: world.actions(),
            sights: world.sights(),
            violation: world.violation(),
            path,
        }
    }
}

const HOLDS: &str = "no rule is broken";

impl Model for Worlds {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.state(Vec::new())]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(&state.next);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut path = Vec::with_capacity(state.path.len() + 1);
        path.extend(&state.path);
        path.push(action);
        Some(self.state(path))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties =
            vec![Property::always(HOLDS, |_: &Self, state: &State| state.violation.is_none())];
        for (name, sight, is_seen) in SIGHTS {
            if self.0.expected.contains(&sight) {
                properties.push(Property::sometimes(name, is_seen));
            }
        }
        properties
    }
}

type IsSeen = fn(&Worlds, &State) -> bool;

macro_rules! sights {
    ($($name:ident)*) => {
        const SIGHTS: [(&str, Sight, IsSeen); Sight::ALL.len()] = [$(
            (stringify!($name), Sight::$name, |_, state| state.sights & Sight::$name.bit() != 0),
        )*];
    };
}

sights! {
    Pass Spent Failure Cancellation Renewal Ill Refusal Overridden Fenced Held Halt LaterStage Verified
    Regressed Unverified Lost
}

/// What came of the search of a configuration.
#[derive(Debug)]
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// How many states were made.
    pub states: usize,
    /// How many of them differ.
    pub unique: usize,
    /// The longest of the shortest ways to a state.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// The rule that is broken, and the steps that lead there.
    pub violation: Option<(String, Vec<String>)>,
    /// What was expected and never seen.
    pub unseen: Vec<&'static str>,
    /// Whether all states were looked at.
    pub is_complete: bool,
}

/// Searches a configuration to its end, or for at most this time.
#[must_use]
pub fn search(configuration: &Configuration, threads: usize, time: Duration) -> Report {
    let started = Instant::now();
    let worlds = Worlds(configuration.clone());
    let expected: Vec<&'static str> = SIGHTS
        .iter()
        .filter(|(_, sight, _)| configuration.expected.contains(sight))
        .map(|(name, ..)| *name)
        .collect();
    let checker = worlds
        .clone()
        .checker()
        .threads(threads)
        .timeout(time)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let found = checker.discoveries();
    let violation = found.get(HOLDS).map(|path| {
        let state = path.last_state();
        (state.violation.clone().unwrap_or_default(), tell(configuration, &state.path))
    });
    let unseen = expected.into_iter().filter(|name| !found.contains_key(name)).collect();
    Report {
        name: configuration.name,
        states: checker.state_count(),
        unique: checker.unique_state_count(),
        depth: checker.max_depth(),
        took: started.elapsed(),
        is_complete: violation.is_none() && started.elapsed() < time,
        violation,
        unseen,
    }
}

/// The steps to a state, each with where the world then stands.
fn tell(configuration: &Configuration, path: &[Action]) -> Vec<String> {
    let mut world = World::new(configuration);
    let mut lines = vec![world.describe()];
    for action in path {
        world.take(*action);
        let what = match action {
            Action::Happens(event) => format!("{:?}", configuration.events[usize::from(*event)]),
            Action::End(gate, way) => {
                format!("End({gate}, {:?})", configuration.ends[usize::from(*way)])
            }
            action => format!("{action:?}"),
        };
        lines.push(format!("{}  {what}", world.describe()));
    }
    lines
}

/// Takes these steps. Returns the rule that they break, and what can be seen at their end, as a set of
/// [`Sight::bit`].
///
/// # Panics
/// Panics if a step cannot be taken.
#[must_use]
pub fn replay(configuration: &Configuration, path: &[Action]) -> (Option<String>, u32) {
    let mut world = World::new(configuration);
    for action in path {
        assert!(world.actions().contains(action), "{action:?} cannot happen: {}", world.describe());
        world.take(*action);
    }
    (world.violation(), world.sights())
}
