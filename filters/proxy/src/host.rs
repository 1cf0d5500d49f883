//! The proxy, and the only file that calls it.
//!
//! The SDK's own wrappers panic on any status they do not expect, and a panic
//! ends the VM. So the calls are declared here once more, plainly, and every
//! refusal is an `Option` or a `bool` that the caller has to deal with.
#![expect(unsafe_code, reason = "host calls take pointers")]

use std::time::Duration;

use airgate::algorithm::Algorithm;
use airgate::decision::Decision;
use airgate::host::{Host, Recalled, SignatureCheck, Version};
use airgate::http::{Answer, Call, Edit, Headers, Reply};
use airgate::metrics::{Counter, Counts};
use airgate::time::Time;
use prost::Message;

mod abi {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
        pub fn proxy_replace_header_map_value(
            map: u32,
            name: *const u8,
            name_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub fn proxy_add_header_map_value(
            map: u32,
            name: *const u8,
            name_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
        pub fn proxy_get_buffer_bytes(
            buffer: u32,
            start: usize,
            length: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
        pub fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
        pub fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
        pub fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
        pub fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, metric: *mut u32) -> u32;
        pub fn proxy_increment_metric(metric: u32, offset: i64) -> u32;
        pub fn proxy_get_shared_data(
            key: *const u8,
            key_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
            cas: *mut u32,
        ) -> u32;
        pub fn proxy_set_shared_data(key: *const u8, key_size: usize, data: *const u8, size: usize, cas: u32) -> u32;
        pub fn proxy_continue_stream(stream: u32) -> u32;
        pub fn proxy_set_effective_context(context: u32) -> u32;
        pub fn proxy_call_foreign_function(
            name: *const u8,
            name_size: usize,
            argument: *const u8,
            argument_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub fn proxy_send_local_response(
            status: u32,
            details: *const u8,
            details_size: usize,
            body: *const u8,
            body_size: usize,
            headers: *const u8,
            headers_size: usize,
            grpc_status: i32,
        ) -> u32;
    }
}

const OK: u32 = 0;
const DOWNSTREAM: u32 = 0;
const NO_GRPC_STATUS: i32 = -1;
const COUNTER: u32 = 0;
const PLUGIN_CONFIGURATION: u32 = 7;
const HTTP_REQUEST_BODY: u32 = 0;
const HTTP_CALL_RESPONSE_BODY: u32 = 4;

/// Which header map.
#[derive(Clone, Copy)]
pub enum Map {
    /// The client's request.
    Request = 0,
    /// The upstream's response.
    Response = 2,
    /// The response to a call of ours.
    CallResponse = 6,
}

/// All headers of a map. `None`: the host has none to give.
pub fn headers(map: Map) -> Option<Headers> {
    let bytes = taken(|data, size| unsafe { abi::proxy_get_header_map_pairs(map as u32, data, size) })?;
    Headers::from_wire(bytes).ok()
}

/// Carries out one edit. `false`: the host refused.
pub fn edit(map: Map, edit: Edit<'_>) -> bool {
    let status = unsafe {
        match edit {
            Edit::Remove(name) => abi::proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()),
            Edit::Set(name, value) => {
                abi::proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
            }
            Edit::Add(name, value) => {
                abi::proxy_add_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
            }
        }
    };
    status == OK
}

/// The plugin's configuration.
pub fn configuration() -> Vec<u8> {
    buffer(PLUGIN_CONFIGURATION, usize::MAX >> 1)
}

/// The first `size` bytes of the request's body, as far as it was collected.
pub fn request_body(size: usize) -> Vec<u8> {
    buffer(HTTP_REQUEST_BODY, size)
}

/// The answer to a call that just came back, with the sizes that the callback
/// was given.
pub fn answer(header_count: usize, body_size: usize) -> Answer {
    if header_count == 0 {
        return Answer::Failed;
    }
    let status = headers(Map::CallResponse).and_then(|headers| {
        let text = std::str::from_utf8(headers.first(":status")?).ok()?;
        text.parse().ok()
    });
    match status {
        Some(200) if body_size > Answer::MAX_BODY => Answer::TooLarge,
        Some(status) if body_size > Answer::MAX_BODY => Answer::Response { status, body: Vec::new() },
        Some(status) => Answer::Response { status, body: buffer(HTTP_CALL_RESPONSE_BODY, Answer::MAX_BODY) },
        None => Answer::Failed,
    }
}

/// Sends a call; the token that comes back with its answer. `None`: the host
/// does not know the cluster or cannot call.
pub fn call(call: &Call) -> Option<u32> {
    let mut headers = vec![
        (":method", if call.form.is_some() { "POST" } else { "GET" }),
        (":scheme", "https"),
        (":authority", call.endpoint.authority.as_str()),
        (":path", call.endpoint.path.as_str()),
        ("accept", "application/json"),
    ];
    if let Some(authorization) = &call.authorization {
        headers.push(("authorization", authorization));
    }
    if call.form.is_some() {
        headers.push(("content-type", "application/x-www-form-urlencoded"));
    }
    let body = call.form.as_ref().map(|form| form.text().as_bytes());
    // The SDK has to send it, since it alone remembers which context the answer
    // belongs to; the statuses it panics on are none that a host answers here.
    proxy_wasm::hostcalls::dispatch_http_call(&call.cluster, headers, body, vec![], call.timeout).ok()
}

/// Answers the request of the context in effect.
pub fn reply(reply: &Reply, reason: &str) -> bool {
    let pairs: Vec<(&[u8], &[u8])> =
        reply.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
    let headers = serialized(&pairs);
    let status = unsafe {
        abi::proxy_send_local_response(
            u32::from(reply.status),
            reason.as_ptr(),
            reason.len(),
            reply.body.as_ptr(),
            reply.body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    };
    status == OK
}

/// Sends the paused request of the context in effect on its way.
pub fn resume() -> bool {
    unsafe { abi::proxy_continue_stream(DOWNSTREAM) == OK }
}

/// Runs `action` in the context of a stream and comes back to `home`. A stream
/// that is gone leaves the context as it was, and the next call would edit
/// somebody else's request: then `action` does not run.
pub fn with_stream(stream: u32, home: u32, action: impl FnOnce()) -> bool {
    let there = unsafe { abi::proxy_set_effective_context(stream) == OK };
    if there {
        action();
        unsafe { abi::proxy_set_effective_context(home) };
    }
    there
}

/// A counter of this name, for all workers. `None`: the host keeps none.
pub fn counter(name: &str) -> Option<u32> {
    let mut metric = 0;
    let defined = unsafe { abi::proxy_define_metric(COUNTER, name.as_ptr(), name.len(), &mut metric) == OK };
    defined.then_some(metric)
}

/// Raises a counter. `false`: the host has lost it.
pub fn raise(counter: u32, by: u32) -> bool {
    unsafe { abi::proxy_increment_metric(counter, i64::from(by)) == OK }
}

/// A moment by the host's wall clock.
#[derive(Clone, Copy)]
pub struct Moment {
    nanoseconds: u64,
}

impl Moment {
    /// In the core's unit.
    pub fn time(self) -> Time {
        Time::from_millis(self.nanoseconds / 1_000_000)
    }

    /// Microseconds since an earlier one.
    pub fn micros_since(self, earlier: Moment) -> u64 {
        self.nanoseconds.saturating_sub(earlier.nanoseconds) / 1_000
    }
}

/// The host's wall clock. `None`: it has none, and then nothing is valid; read
/// as 1970 every token that ever expired would be.
pub fn now() -> Option<Moment> {
    let mut nanoseconds = 0;
    let told = unsafe { abi::proxy_get_current_time_nanoseconds(&mut nanoseconds) == OK };
    told.then_some(Moment { nanoseconds })
}

/// Asks for `on_tick`.
pub fn tick_every(period: Duration) -> bool {
    let millis = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    unsafe { abi::proxy_set_tick_period_milliseconds(millis) == OK }
}

/// The argument of `verify_signature`.
#[derive(prost::Message)]
struct VerifySignature {
    #[prost(string, tag = "1")]
    hash: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

/// Its answer; an error text in field 2 goes with a false.
#[derive(prost::Message)]
struct SignatureVerdict {
    #[prost(bool, tag = "1")]
    result: bool,
}

/// What the core borrows.
#[derive(Default)]
pub struct Proxy {
    counts: Counts,
}

impl Proxy {
    /// What was counted since the last time, in the order of [`Counts::names`].
    pub fn counted(&self) -> impl Iterator<Item = u32> {
        self.counts.take()
    }
}

impl Host for Proxy {
    fn random(&self, bytes: &mut [u8]) -> bool {
        getrandom::fill(bytes).is_ok()
    }

    /// By Envoy's foreign function `verify_signature`, some forty times as fast
    /// as wasm. Unknown names trap in nginx: there `signatures: software` keeps
    /// us from asking.
    fn verify(&self, check: &SignatureCheck<'_>) -> Option<bool> {
        let hash = match check.algorithm {
            Algorithm::RS256 | Algorithm::ES256 => "sha256",
            Algorithm::RS384 | Algorithm::ES384 => "sha384",
            Algorithm::RS512 => "sha512",
            _ => return None,
        };
        let (hash, public_key) = (hash.to_owned(), check.public_key.to_vec());
        let (signature, text) = (check.signature.to_vec(), check.text.to_vec());
        let argument = VerifySignature { hash, public_key, signature, text }.encode_to_vec();
        let name = "verify_signature";
        let answer = taken(|data, size| unsafe {
            abi::proxy_call_foreign_function(name.as_ptr(), name.len(), argument.as_ptr(), argument.len(), data, size)
        })?;
        SignatureVerdict::decode(answer.as_slice()).ok().map(|verdict| verdict.result)
    }

    fn keep(&self, name: &str, value: &[u8]) {
        // Without compare-and-swap: whoever writes last has fresh keys as well.
        let kept =
            unsafe { abi::proxy_set_shared_data(name.as_ptr(), name.len(), value.as_ptr(), value.len(), 0) == OK };
        if !kept {
            self.count(Counter::SharedDataFailed);
        }
    }

    fn recall(&self, name: &str) -> Option<Recalled> {
        let mut cas = 0;
        let value =
            taken(|data, size| unsafe { abi::proxy_get_shared_data(name.as_ptr(), name.len(), data, size, &mut cas) })?;
        Some(Recalled { value, version: Version(cas) })
    }

    fn replace(&self, name: &str, value: &[u8], version: Version) -> bool {
        // Zero would mean whatever lies there.
        version.0 != 0
            && unsafe {
                abi::proxy_set_shared_data(name.as_ptr(), name.len(), value.as_ptr(), value.len(), version.0) == OK
            }
    }

    fn count(&self, counter: Counter) {
        self.counts.raise(counter);
    }

    fn count_decision(&self, decision: Decision, reason: &'static str) {
        self.counts.raise_decision(decision, reason);
    }

    fn fact(&self, name: &str) -> Option<Vec<u8>> {
        // A path of several names, each but the last followed by a zero byte.
        let path = name.replace('.', "\0");
        taken(|data, size| unsafe { abi::proxy_get_property(path.as_ptr(), path.len(), data, size) })
    }

    /// Hosts that know no new properties refuse, and then it is not there.
    fn tell(&self, name: &str, text: &str) {
        unsafe { abi::proxy_set_property(name.as_ptr(), name.len(), text.as_ptr(), text.len()) };
    }
}

fn buffer(buffer: u32, length: usize) -> Vec<u8> {
    taken(|data, size| unsafe { abi::proxy_get_buffer_bytes(buffer, 0, length, data, size) }).unwrap_or_default()
}

/// Takes over memory that the host had the SDK's `proxy_on_memory_allocate`
/// allocate for a return value: a boxed slice, given away.
fn taken(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let (mut data, mut size) = (std::ptr::null_mut(), 0);
    if call(&mut data, &mut size) != OK {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// A map as hosts read it; the counterpart of [`Headers::from_wire`].
fn serialized(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
    fn size(length: usize) -> [u8; 4] {
        u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
    }
    let mut bytes = size(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend(size(name.len()));
        bytes.extend(size(value.len()));
    }
    for (name, value) in pairs {
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(value);
        bytes.push(0);
    }
    bytes
}
