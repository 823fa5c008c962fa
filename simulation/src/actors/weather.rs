//! The targets' health over time.

use std::time::Duration;

use healthgate::{
    model::{HealthCheck, ReasonCode},
    testing::fixtures,
};

use super::operator::any_host;
use crate::{
    checker::Since,
    history::Event,
    rng::Rng,
    targets::{AgentState, Behaviour},
    world::World,
};

/// Changes one target after another.
pub(crate) async fn weather(world: World, mut rng: Rng) {
    loop {
        world.sleep(rng.minutes(1, 20)).await;
        if world.is_evening() {
            (1..=world.settings.hosts).for_each(|host| set_agent(&world, host, AgentState::Well));
        } else if rng.chance(150) {
            // Mostly the agent that many checks ask.
            let host = if rng.chance(500) { 1 } else { any_host(&world, &mut rng) };
            let agent = match rng.below(4) {
                0 => AgentState::Dead,
                1 => AgentState::Slow(rng.seconds(2, 9)),
                _ => AgentState::Well,
            };
            set_agent(&world, host, agent);
        }
        let checks = world.checker().stored_checks();
        if checks.is_empty() {
            continue;
        }
        let check = rng.pick(&checks).clone();
        if world.is_evening() || rng.chance(600) {
            set(&world, &check, Behaviour::Answers(ReasonCode::Ok, Duration::from_millis(20)));
        } else {
            spoil(&world, &check, &mut rng);
        }
    }
}

fn set_agent(world: &World, host: u128, agent: AgentState) {
    let (id, since) = (fixtures::host(host), world.at());
    let mut checker = world.checker();
    let well = checker.agents.get(&id).is_none_or(|agent| agent.is);
    let is = agent == AgentState::Well;
    if well && is {
        return;
    }
    checker.agents.insert(id, Since { is, since });
    let event = match agent {
        AgentState::Well => Event::AgentBack,
        AgentState::Slow(_) => Event::AgentSlow,
        AgentState::Dead => Event::AgentDead,
    };
    checker.note(event, format_args!("agent of host {host}, {agent:?}"));
    world.targets.set_agent(id, agent);
}

/// Makes one target worse.
pub(crate) fn spoil(world: &World, check: &HealthCheck, rng: &mut Rng) {
    let quick = Duration::from_millis(1 + rng.below(900));
    let behaviour = match rng.below(12) {
        0..4 => Behaviour::Answers(ReasonCode::ServiceUnhealthy, quick),
        4 => Behaviour::Answers(ReasonCode::Connect, quick),
        5 => Behaviour::Answers(ReasonCode::SecretUnreadable, Duration::ZERO),
        6 => Behaviour::Answers(ReasonCode::Internal, quick),
        7 => Behaviour::Answers(ReasonCode::Ok, Duration::from_micros(9_999_999)),
        8 => Behaviour::Answers(ReasonCode::Ok, rng.seconds(2, 9)),
        9 => Behaviour::Answers(ReasonCode::Ok, Duration::from_secs(10)),
        10 => Behaviour::Silent,
        _ => Behaviour::Panics,
    };
    set(world, check, behaviour);
}

pub(crate) fn set(world: &World, check: &HealthCheck, behaviour: Behaviour) {
    let mut checker = world.checker();
    let event = match behaviour {
        Behaviour::Answers(_, takes) if takes < Duration::from_secs(2) => Event::TargetTurned,
        Behaviour::Answers(..) | Behaviour::AnswersAt(_) => Event::TargetSlow,
        Behaviour::Silent => Event::TargetSilent,
        Behaviour::Panics => Event::TargetPanics,
    };
    let good = matches!(behaviour, Behaviour::Answers(ReasonCode::Ok, takes)
        if takes < Duration::from_secs(5));
    checker.target_is(check.id, good);
    let number = check.id.as_uuid().as_u128();
    checker.note(event, format_args!("check {number} on {behaviour:?}"));
    world.targets.set(check.id, behaviour);
}
