//! What is asked of others: Envoy's admin interface, the gateway, a provider.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, http};

/// Dumps of a large mesh are some tens of megabytes.
const LONGEST: u64 = 256 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

/// A client that follows no redirect and takes every status for an answer.
pub struct Client(Agent);

/// An answer.
pub struct Answer {
    pub status: u16,
    pub body: String,
    /// The sender's clock against ours, in seconds: positive when theirs is ahead. `Date` counts whole seconds.
    pub ahead: Option<f64>,
    headers: http::HeaderMap,
}

impl Client {
    /// `authority`: whom to trust instead of the public authorities.
    pub fn new(authority: Option<&Path>) -> Result<Client, String> {
        let roots = authority.map(roots).transpose()?.unwrap_or(RootCerts::WebPki);
        // A new connection for each request: behind a load balancer each may come to another gateway.
        let config = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .timeout_global(Some(PATIENCE))
            .user_agent("airgate-doctor")
            .build();
        Ok(Client(config.new_agent()))
    }

    pub fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let request = headers.iter().fold(self.0.get(url), |request, (name, value)| request.header(*name, *value));
        let before = Instant::now();
        let failed = |error: ureq::Error| format!("{url}: {error}");
        let mut answer = request.call().map_err(failed)?;
        let now = SystemTime::now();
        let middle = now.checked_sub(before.elapsed().mul_f64(0.5)).unwrap_or(now);
        let ahead = answer.headers().get("date").and_then(|date| ahead(date.to_str().ok()?, middle));
        let body = answer.body_mut().with_config().limit(LONGEST).lossy_utf8(true).read_to_string().map_err(failed)?;
        Ok(Answer { status: answer.status().as_u16(), body, ahead, headers: answer.headers().clone() })
    }

    /// The body of a 200 as JSON.
    pub fn json(&self, url: &str) -> Result<(Value, Answer), String> {
        let answer = self.get(url, &[])?;
        if answer.status != 200 {
            return Err(format!("{url}: answered {}", answer.status));
        }
        let value = serde_json::from_str(&answer.body).map_err(|error| format!("{url}: no JSON: {error}"))?;
        Ok((value, answer))
    }
}

impl Answer {
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }
}

fn roots(file: &Path) -> Result<RootCerts, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let pem = std::fs::read(file).map_err(|error| failed(&error))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| failed(&error))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(failed(&"no certificate in PEM"));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

fn ahead(date: &str, now: SystemTime) -> Option<f64> {
    // A whole second is half a second old on the average.
    let theirs = http_date(date)?.checked_add(Duration::from_millis(500))?;
    Some(match theirs.duration_since(now) {
        Ok(ahead) => ahead.as_secs_f64(),
        Err(behind) => -behind.duration().as_secs_f64(),
    })
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)?.checked_add(1)?;
    humantime::parse_rfc3339(&format!("{year}-{month:02}-{day}T{clock}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_read_from_dates() {
        let now = humantime::parse_rfc3339("1994-11-06T08:49:37Z").unwrap();
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(now));
        assert_eq!(ahead("Sun, 06 Nov 1994 08:50:37 GMT", now), Some(60.5));
        assert_eq!(ahead("Sun, 06 Nov 1994 08:48:37 GMT", now), Some(-59.5));
        for odd in ["", "yesterday", "Sun, 06 anF 1994 08:49:37 GMT", "Sun, 06 Nov", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(http_date(odd), None, "{odd}");
        }
    }
}
