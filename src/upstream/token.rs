//! Airbyte's own application token: fetched, renewed, never shown to a client.

use std::time::Duration;

use serde_json::Value;

use crate::http::{Answer, Call, CallId, CallIds, Endpoint, Form};
use crate::json;
use crate::settings::Section;
use crate::time::Time;

/// What Airbyte's tokens last unless it says otherwise.
const LIFE: Duration = Duration::from_secs(15 * 60);
/// Two calls are at least this far apart, whatever Airbyte says or refuses.
const REST: Duration = Duration::from_secs(10);
/// After a failure: one second, doubled each time up to this.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(10);
/// An answer this long after its timeout will not come any more.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// The longest token that is taken. Airbyte reads 32 KiB of headers in all.
const MAX_TOKEN: usize = 8 << 10;

/// The token, and how it is had. Each worker has its own: Airbyte's tokens are
/// stateless, so that any number of them are good at once.
pub(crate) struct AirbyteToken {
    cluster: String,
    endpoint: Endpoint,
    form: Form,
    current: Option<Current>,
    fetch: Option<Fetch>,
    due: Time,
    started: Option<Time>,
    failures: u32,
}

struct Current {
    token: String,
    expires: Time,
}

struct Fetch {
    id: CallId,
    since: Time,
}

impl AirbyteToken {
    /// Reads `{cluster, authority, path, client_id, client_secret}`.
    pub fn read(section: &Section<'_>) -> Option<AirbyteToken> {
        let cluster = section.required_text("cluster");
        let id = section.required_text("client_id");
        let secret = section.secret("client_secret");
        let authority = section.text("authority").unwrap_or("airbyte");
        let path = section.text("path").unwrap_or("/api/v1/applications/token");
        // The scheme is the cluster's matter; here it only makes a whole URL.
        let endpoint = Endpoint::parse(&format!("https://{authority}{path}"));
        let endpoint = endpoint.filter(|endpoint| endpoint.authority == authority && endpoint.path == path);
        if endpoint.is_none() {
            section
                .mistake("authority", "expected a host, with or without a port, and a path that begins with a slash");
        }
        let form = Form::new([("client_id", id?), ("client_secret", secret?.as_str())]);
        Some(AirbyteToken {
            cluster: cluster?.to_owned(),
            endpoint: endpoint?,
            form,
            current: None,
            fetch: None,
            due: Time::default(),
            started: None,
            failures: 0,
        })
    }

    /// The token, if there is one that Airbyte should accept.
    pub fn token(&self, now: Time) -> Option<&str> {
        self.current.as_ref().filter(|current| now < current.expires).map(|current| current.token.as_str())
    }

    /// The call that is due, if one is.
    pub fn tick(&mut self, ids: &mut CallIds, now: Time) -> Option<Call> {
        if let Some(fetch) = &self.fetch {
            if now.since(fetch.since) <= TIMEOUT.saturating_add(LOST_AFTER) {
                return None;
            }
            self.fail(now);
        }
        if now < self.due {
            return None;
        }
        let id = ids.take();
        self.fetch = Some(Fetch { id, since: now });
        self.started = Some(now);
        Some(Call {
            id,
            cluster: self.cluster.clone(),
            endpoint: self.endpoint.clone(),
            authorization: None,
            form: Some(self.form.clone()),
            timeout: TIMEOUT,
        })
    }

    /// Takes the answer to a call. `true`: it was ours, and requests that wait
    /// for the token should ask again.
    pub fn answer(&mut self, id: CallId, answer: &Answer, now: Time) -> bool {
        if self.fetch.take_if(|fetch| fetch.id == id).is_none() {
            return false;
        }
        match read_answer(answer) {
            Ok((token, life)) => {
                // At four fifths of its life; the short ones do not flood Airbyte.
                let renewal = life.checked_div(5).unwrap_or_default().saturating_mul(4);
                self.current = Some(Current { token, expires: now.plus(life) });
                self.due = now.plus(renewal.max(REST));
                self.failures = 0;
            }
            Err(fault) => {
                log::warn!("Airbyte's token endpoint, cluster {}: {fault}", self.cluster);
                self.fail(now);
            }
        }
        true
    }

    /// Airbyte refused a request that had the token. It is renewed for the ones
    /// to come; nothing is sent twice. The old one stays meanwhile, for it may
    /// have been the request that was wrong.
    pub fn refused(&mut self, now: Time) {
        if self.failures > 0 {
            return;
        }
        let earliest = self.started.map_or(now, |started| started.plus(REST));
        self.due = self.due.min(earliest.max(now));
    }

    fn fail(&mut self, now: Time) {
        self.fetch = None;
        let backoff = Duration::from_secs(1).saturating_mul(1 << self.failures.min(6)).min(MAX_BACKOFF);
        self.failures = self.failures.saturating_add(1);
        self.due = now.plus(backoff);
    }
}

fn read_answer(answer: &Answer) -> Result<(String, Duration), String> {
    let body = match answer {
        Answer::Response { status: 200, body } => body,
        Answer::Response { status, .. } => return Err(format!("answered {status}")),
        Answer::TooLarge => return Err("answered with more than 1 MiB".to_owned()),
        Answer::Failed => return Err("does not answer".to_owned()),
    };
    let body = json::parse(body).map_err(|_| "did not answer with JSON")?;
    let token = body.get("access_token").and_then(Value::as_str).unwrap_or_default();
    let fits = (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits {
        return Err("answered without a token that fits into a header".to_owned());
    }
    let life = body.get("expires_in").and_then(Value::as_u64).map_or(LIFE, Duration::from_secs);
    Ok((token.to_owned(), life))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::read;
    use crate::testing::test;
    use serde_json::json;

    const START: Time = Time::from_seconds(1_800_000_000);

    fn settings(change: Value) -> Result<AirbyteToken, Vec<String>> {
        let mut value = json!({"cluster": "airbyte", "client_id": "id", "client_secret": {"env": "SECRET"}});
        for (name, field) in change.as_object().unwrap() {
            value[name] = field.clone();
        }
        let environment = |name: &str| (name == "SECRET").then(|| "s&cret".to_owned());
        read(&value, &environment, AirbyteToken::read)
            .map_err(|mistakes| mistakes.iter().map(|mistake| mistake.path().to_owned()).collect())
    }

    /// A token under a clock and with ids of its own.
    struct Bed {
        token: AirbyteToken,
        ids: CallIds,
        now: Time,
    }

    impl Bed {
        fn new() -> Bed {
            Bed { token: settings(json!({})).unwrap(), ids: CallIds::default(), now: START }
        }

        fn tick(&mut self) -> Option<Call> {
            self.token.tick(&mut self.ids, self.now)
        }

        fn after(&mut self, seconds: u64) -> &mut Bed {
            self.now = self.now.plus(Duration::from_secs(seconds));
            self
        }

        #[track_caller]
        fn answer(&mut self, status: u16, body: Value) {
            let id = self.tick().expect("a call is due").id;
            let answer = Answer::Response { status, body: body.to_string().into_bytes() };
            assert!(self.token.answer(id, &answer, self.now));
        }

        fn token(&self) -> Option<&str> {
            self.token.token(self.now)
        }
    }

    fn granted(token: &str, seconds: u64) -> Value {
        json!({"access_token": token, "token_type": "Bearer", "expires_in": seconds})
    }

    #[test]
    fn the_token_is_asked_for_at_once_and_with_a_form() {
        let mut bed = Bed::new();
        assert_eq!(bed.token(), None);
        let call = bed.tick().unwrap();
        assert_eq!((call.cluster.as_str(), call.endpoint.authority.as_str()), ("airbyte", "airbyte"));
        assert_eq!(call.endpoint.path, "/api/v1/applications/token");
        assert_eq!(call.form.as_ref().unwrap().text(), "client_id=id&client_secret=s%26cret");
        assert!(!format!("{call:?}").contains("cret"), "secrets are not shown");
        assert_eq!(bed.tick(), None, "one call at a time");
        let answer = Answer::Response { status: 200, body: granted("t1", 900).to_string().into_bytes() };
        assert!(!bed.token.answer(CallId(99), &answer, START), "another's answer");
        assert!(bed.token.answer(call.id, &answer, START));
        assert_eq!(bed.token(), Some("t1"));
        assert!(!bed.token.answer(call.id, &answer, START), "an answer counts once");
    }

    #[test]
    fn it_is_renewed_at_four_fifths_of_its_life() {
        for (body, life) in [(granted("t1", 300), 300), (json!({"access_token": "t1"}), 900)] {
            let mut bed = Bed::new();
            bed.answer(200, body);
            assert_eq!(bed.after(life * 4 / 5 - 1).tick(), None);
            bed.after(1).answer(200, granted("t2", 300));
            assert_eq!(bed.token(), Some("t2"));
        }
    }

    #[test]
    fn it_is_not_used_beyond_its_life() {
        let mut bed = Bed::new();
        bed.answer(200, granted("t1", 300));
        bed.after(299).answer(503, json!({}));
        assert_eq!(bed.token(), Some("t1"), "good while it lasts, whatever becomes of its successor");
        assert_eq!(bed.after(1).token(), None);
    }

    #[test]
    fn failures_are_tried_again_ever_more_slowly() {
        let mut bed = Bed::new();
        bed.answer(500, json!({}));
        for wait in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            assert_eq!(bed.after(wait - 1).tick(), None, "{wait}");
            bed.after(1).answer(401, json!({}));
        }
        bed.after(60).answer(200, granted("t1", 900));
        bed.after(720).answer(500, json!({}));
        assert!(bed.after(1).tick().is_some(), "a success starts the count anew");
    }

    #[test]
    fn an_answer_that_never_comes_is_a_failure() {
        let mut bed = Bed::new();
        let lost = bed.tick().unwrap();
        assert_eq!(bed.after(15).tick(), None);
        bed.now = bed.now.plus(Duration::from_millis(1));
        assert_eq!(bed.tick(), None, "noticed, and the next try is a second away");
        assert!(!bed.token.answer(lost.id, &Answer::Failed, bed.now));
        assert!(bed.after(1).tick().is_some());
    }

    #[test]
    fn what_is_no_token_is_not_taken() {
        let long = "x".repeat(MAX_TOKEN + 1);
        for body in [
            "<html>".to_owned(),
            "[]".to_owned(),
            "{}".to_owned(),
            json!({"access_token": ""}).to_string(),
            json!({"access_token": 1}).to_string(),
            json!({"access_token": "a\r\nx-admin: 1"}).to_string(),
            json!({"access_token": "a b"}).to_string(),
            json!({"access_token": "tök"}).to_string(),
            json!({ "access_token": long }).to_string(),
            r#"{"access_token":"a","access_token":"b"}"#.to_owned(),
        ] {
            let mut bed = Bed::new();
            let id = bed.tick().unwrap().id;
            assert!(bed.token.answer(id, &Answer::Response { status: 200, body: body.clone().into_bytes() }, START));
            assert_eq!(bed.token(), None, "{body:.60}");
            assert!(bed.after(1).tick().is_some());
        }
        for answer in [Answer::TooLarge, Answer::Failed] {
            let mut bed = Bed::new();
            let id = bed.tick().unwrap().id;
            assert!(bed.token.answer(id, &answer, START));
            assert_eq!(bed.token(), None);
        }
    }

    #[test]
    fn strange_lives_do_not_flood_airbyte_or_wrap() {
        let mut bed = Bed::new();
        bed.answer(200, granted("t1", 0));
        assert_eq!(bed.token(), None);
        assert_eq!(bed.after(9).tick(), None);
        bed.after(1).answer(200, granted("t2", u64::MAX));
        assert_eq!(bed.token(), Some("t2"));
        assert_eq!(bed.after(86_400).tick(), None);
        assert_eq!(bed.token(), Some("t2"));
    }

    #[test]
    fn a_refusal_renews_the_token_but_not_more_than_every_ten_seconds() {
        let mut bed = Bed::new();
        bed.answer(200, granted("t1", 900));
        bed.token.refused(bed.now);
        assert_eq!(bed.after(9).tick(), None);
        assert_eq!(bed.token(), Some("t1"));
        bed.after(1).answer(200, granted("t2", 900));
        assert_eq!(bed.after(1).tick(), None, "one refusal, one renewal");
        bed.after(60);
        bed.token.refused(bed.now);
        assert!(bed.tick().is_some(), "at once after a rest");
        bed.token.refused(bed.now);
        assert_eq!(bed.tick(), None, "one is on its way");
    }

    #[test]
    fn a_refusal_does_not_shorten_the_wait_after_a_failure() {
        let mut bed = Bed::new();
        bed.answer(200, granted("t1", 900));
        bed.after(720);
        for wait in [1, 2, 4, 8, 16] {
            bed.answer(500, json!({}));
            bed.after(wait);
        }
        bed.answer(500, json!({}));
        bed.after(11);
        bed.token.refused(bed.now);
        assert_eq!(bed.tick(), None);
    }

    #[test]
    fn settings_are_judged() {
        let own = json!({"authority": "airbyte.svc:8001", "path": "/api/public/v1/applications/token"});
        let endpoint = settings(own).unwrap().endpoint;
        assert_eq!(
            (endpoint.authority.as_str(), &*endpoint.path),
            ("airbyte.svc:8001", "/api/public/v1/applications/token")
        );
        for (change, place) in [
            (json!({"client_secret": "plain"}), "client_secret"),
            (json!({"client_id": ""}), "client_id"),
            (json!({"cluster": 1}), "cluster"),
            (json!({"authority": "http://airbyte"}), "authority"),
            (json!({"authority": "a/b"}), "authority"),
            (json!({"authority": "u@a"}), "authority"),
            (json!({"path": "token"}), "authority"),
            (json!({"path": "/a b"}), "authority"),
        ] {
            assert_eq!(settings(change.clone()).err().unwrap(), [place], "{change}");
        }
    }
}
