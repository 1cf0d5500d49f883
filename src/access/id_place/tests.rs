use super::*;
use crate::testing::test;

#[test]
fn boundary_needs_an_operation_that_takes_its_kind_and_no_other() {
    let bits = |kinds: &[IdKind]| kinds.iter().fold(0, |bits, kind| bits | kind.bits());
    let connections = bits(&[IdKind::Connection]);
    let actors = bits(&[IdKind::Source, IdKind::Destination]);
    for (places, listed, inside) in [
        ("bc!/connectionId", connections, true),
        ("bc?/connectionId bw?/workspaceId bo?/operationIds[]", connections, true),
        ("bc!/connectionId bo!/jobId", connections, false),
        ("bs!/sourceId bc?/connectionId", connections, false),
        ("bs!/sourceId bd!/destinationId", actors, true),
        ("bs!/sourceId bd!/destinationId", bits(&[IdKind::Source]), false),
        ("ba!/actor_id", bits(&[IdKind::Source]), true),
        ("ba!/actor_id", connections, false),
        ("bx!/configId", connections, true),
        ("be!/scopeId", connections, false),
        ("be!/scopeId", bits(&[IdKind::Workspace]), true),
        ("po!jobId", connections, false),
        ("", connections, false),
    ] {
        assert_eq!(IdPlaces::new(places).can_stay_inside(listed), inside, "{places} {listed}");
    }
}
