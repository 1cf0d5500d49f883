//! The whole gateway under events in any order. A model of what a host knows runs beside it: which requests wait, what
//! each of them brought, and who may therefore be let in.

mod event;
mod world;

use arbitrary::{Arbitrary, Unstructured};

use event::Script;
use world::World;

/// The longest story: what goes wrong goes wrong early or not at all, and each event costs time.
const EVENTS: usize = 48;

pub fn gateway(data: &[u8]) -> bool {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) else {
        return false;
    };
    let mut world = World::new(&script.setup);
    for event in script.events.iter().take(EVENTS) {
        world.meets(event);
    }
    world.ends()
}
