//! Routing alone.

use serde_json::Value;

use crate::access::Operations;
use crate::gateway::refusal::Refusal;
use crate::gateway::{Forward, Gate, Step, StreamId, is_repeatable, request_id, stamp_route};
use crate::host::Host;
use crate::http::{Headers, Request};
use crate::routing::{Asker, Routing};
use crate::settings::{self, Environment, Mistake};
use crate::time::Time;

const OURS: [&str; 3] = ["x-airgate-route", "x-airgate-upstream", "x-airgate-retry"];

/// Says what kind of traffic a request is, and does nothing else.
pub struct RoutingAlone {
    routing: Routing,
    operations: Operations,
}

impl Gate for RoutingAlone {
    type Exchange = ();

    const TICKS: bool = false;

    fn open(config: &Value, environment: Environment<'_>, _: &dyn Host) -> Result<RoutingAlone, Vec<Mistake>> {
        let routing = settings::read(config, environment, |root| Some(Routing::read_for_anybody(root)))?;
        Ok(RoutingAlone { routing, operations: Operations::builtin() })
    }

    fn on_request(&mut self, _: StreamId, headers: Headers, _: bool, host: &dyn Host, _: Time) -> Step<()> {
        let id = request_id(&headers, host);
        let request = match Request::new(headers) {
            Ok(request) => request,
            Err(refusal) => return super::refuse(&Refusal::BadRequest(refusal.reason()), &id, host),
        };
        let mut stripped = super::strip(request.headers(), &OURS);
        // Nobody reads bodies here, so what one decides is the stricter of the two.
        let operation = self.operations.asked(&request).map(|operation| operation.clone().by_body(None));
        let slow = operation.as_ref().is_some_and(|operation| operation.slow);
        let route = self.routing.route(&request, &Asker::default(), slow);
        stamp_route(&route, is_repeatable(&request, operation.as_ref()), &mut stripped);
        let mut edits = stripped.finish();
        if let Some(path) = request.target().rewrite() {
            edits.set(":path", path);
        }
        Step::Forward(Forward { edits, exchange: (), record: None })
    }
}
