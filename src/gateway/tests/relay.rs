//! Machines that ask for a token at Airbyte's own address.

use super::*;
use crate::audit::Field;
use crate::testing::test;

const PLACE: &str = "/api/public/v1/applications/token";
const PAIR: &str = r#"{"client_id":"ci","client_secret":"s3cret"}"#;

fn bed() -> Bed {
    let mut bed = Bed::new(|config| config["token_relay"] = json!({"provider": "corp"}));
    bed.tick();
    let document =
        json!({"issuer": "https://idp", "jwks_uri": "https://idp/keys", "token_endpoint": "https://idp/token"});
    bed.answer(&Answer::Response { status: 200, body: document.to_string().into_bytes() });
    bed.keys();
    bed
}

impl Bed {
    fn asks(&mut self, stream: u32) -> Step {
        let step = self.send(stream, "POST", PLACE, &[("content-type", "application/json")]);
        assert!(matches!(step, Step::Read { .. }), "{step:?}");
        self.gateway.on_body(StreamId(stream), Body::Whole(PAIR.into()), &self.host, self.now)
    }
}

fn token() -> Answer {
    let body = json!({"access_token": "at", "token_type": "Bearer", "expires_in": 300});
    Answer::Response { status: 200, body: body.to_string().into_bytes() }
}

#[test]
fn a_pair_is_taken_to_the_provider_and_its_token_comes_back() {
    let mut bed = bed();
    assert!(matches!(bed.asks(1), Step::Await) && matches!(bed.asks(2), Step::Await));
    assert!(bed.tick().is_empty());
    let places: Vec<_> = bed.calls.iter().map(|call| call.endpoint.path.as_str()).collect();
    assert_eq!(places, ["/token", "/token"]);
    let first = bed.answer(&token());
    assert_eq!(first.len(), 1, "who still waits for an answer is left waiting");
    let second = bed.answer(&Answer::Failed);
    assert_eq!(second.len(), 1);
    let said = [first, second].map(|mut wakes| {
        let (status, reason, body) = replied(wakes.remove(0).step);
        (status, reason, body["access_token"].clone())
    });
    assert_eq!(said[0], (200, "token_relayed", json!("at")));
    assert_eq!((said[1].0, said[1].1), (503, "provider_unavailable"));
}

#[test]
fn whose_pair_it_was_is_written_down() {
    let mut bed = bed();
    assert!(matches!(bed.asks(1), Step::Await));
    bed.tick();
    let Step::Reply { record, .. } = bed.answer(&token()).remove(0).step else { panic!("an answer") };
    assert_eq!(record.unwrap().get(Field::Client), Some("ci"));
}

#[test]
fn a_pair_waits_for_a_provider_that_is_asked_who_it_is_and_for_no_other() {
    let relay = |config: &mut Value| {
        config["token_relay"] = json!({"provider": "corp"});
        let mut other = config["providers"][0].clone();
        other["name"] = json!("other");
        other["issuer"] = json!("https://other");
        config["providers"].as_array_mut().unwrap().push(other);
    };
    let document =
        json!({"issuer": "https://idp", "jwks_uri": "https://idp/keys", "token_endpoint": "https://idp/token"});
    let document = Answer::Response { status: 200, body: document.to_string().into_bytes() };

    let mut bed = Bed::new(relay);
    assert!(matches!(bed.asks(1), Step::Await));
    assert!(bed.tick().is_empty(), "it is being asked");
    assert!(bed.answer(&document).is_empty());
    assert!(bed.tick().is_empty());
    assert!(bed.calls.iter().any(|call| call.endpoint.path == "/token"), "{:?}", bed.calls);

    let mut bed = Bed::new(relay);
    bed.tick();
    bed.answer(&Answer::Failed);
    assert!(matches!(bed.asks(1), Step::Await));
    let mut wakes = bed.tick();
    assert_eq!(replied(wakes.remove(0).step).1, "provider_unavailable", "the other is on its way still");
}

#[test]
fn a_call_that_is_lost_ends_the_wait() {
    let mut bed = bed();
    assert!(matches!(bed.asks(1), Step::Await));
    bed.tick();
    assert!(bed.after(15_000).tick().is_empty());
    let mut wakes = bed.after(1).tick();
    assert_eq!(wakes.len(), 1);
    let (status, reason, _) = replied(wakes.remove(0).step);
    assert_eq!((status, reason), (503, "provider_unavailable"));
    assert!(bed.answer(&token()).is_empty(), "too late");
}

#[test]
fn as_many_wait_as_there_is_room_and_who_is_gone_makes_some() {
    let mut bed = bed();
    for stream in 0..128 {
        assert!(matches!(bed.asks(stream), Step::Await));
    }
    assert_eq!(replied(bed.asks(128)).1, "overloaded");
    bed.gateway.on_stream_end(StreamId(7));
    assert!(matches!(bed.asks(128), Step::Await));
    assert_eq!(replied(bed.asks(129)).1, "overloaded");
    bed.tick();
    assert_eq!(bed.calls.len(), 128, "the provider is asked for nobody who was refused");
}
