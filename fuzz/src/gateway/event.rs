//! What can happen to a gateway, as the fuzzer tells it.

use arbitrary::Arbitrary;

#[derive(Arbitrary, Debug)]
pub struct Script {
    pub setup: Setup,
    pub events: Vec<Event>,
}

/// What differs in the configuration.
#[derive(Arbitrary, Debug)]
pub struct Setup {
    pub affinity: Affinity,
    pub upstream: Upstream,
    /// Whether an agent's boundary and a rule that asks for a stronger sign-in are there.
    pub policy: bool,
    pub shared_data: bool,
    pub pseudonyms: bool,
}

#[derive(Arbitrary, Debug)]
pub enum Affinity {
    Hash,
    Pin,
    Off,
}

#[derive(Arbitrary, Debug)]
pub enum Upstream {
    None,
    Pass,
    Token,
}

#[derive(Arbitrary, Debug)]
pub enum Event {
    /// A request begins.
    Request(u8, Ask),
    /// A body comes, asked for or not.
    Body(u8, Content),
    /// A request ends early.
    End(u8),
    /// A request ends early, and is accounted for.
    Undecided(u8),
    /// A call is answered: in order or not, again, late.
    Answer(u8, Said),
    /// An answer to a call that nobody made.
    Stranger(u64),
    /// The response to a request that went on.
    Response(u8, Vec<(Field, Text)>),
    Tick,
    /// Time goes on by so many eighths of a second.
    Later(u16),
    /// The clock is set back by so many seconds.
    Earlier(u16),
    /// The host refuses everything from now on, or no longer.
    Refuses(bool),
    /// The provider signs with its other key from now on.
    Rotates,
    /// More requests at once than may wait, with or without a body to come; then all of them end.
    Flood(bool),
}

#[derive(Arbitrary, Debug)]
pub struct Ask {
    pub method: Method,
    pub path: Path,
    pub credentials: Credentials,
    pub navigates: bool,
    pub same_origin: bool,
    pub fields: Vec<(Field, Text)>,
}

#[derive(Arbitrary, Debug)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Other(Text),
}

#[derive(Arbitrary, Debug)]
pub enum Path {
    Page,
    Api,
    Health,
    /// Its body decides.
    Job,
    Delete,
    Relay,
    Login,
    Logout,
    Me,
    Notice,
    /// Airbyte's own login.
    OwnLogin,
    /// The redirect URI, for one of the logins that began.
    Callback(u8),
    Other(Text),
}

/// What a request brings to be let in by.
#[derive(Arbitrary, Debug)]
pub enum Credentials {
    None,
    /// A good token of one of two people, or of an agent.
    Token(u8),
    /// The same, signed with the provider's other key.
    OtherKey(u8),
    /// One that is over.
    Old(u8),
    /// A good one, but for a character.
    Garbled(u8, u16),
    Raw(Text),
    /// The cookies of one of the browsers.
    Browser(u8),
    /// The same, but for a character.
    GarbledBrowser(u8, u16),
    /// A bad token beside good cookies.
    Both(u8, u16),
}

/// A field of a request or response.
#[derive(Arbitrary, Debug)]
pub enum Field {
    User,
    UserAgain,
    Role,
    Pin,
    Affinity,
    Airbyte,
    Cookie,
    SetCookie,
    Authorization,
    ProxyAuthorization,
    RequestId,
    CacheControl,
    Status,
    ContentType,
    Origin,
    Other(Text),
}

#[derive(Arbitrary, Debug)]
pub enum Content {
    Nothing,
    TooLong,
    Credentials,
    Job,
    Agents,
    Strangers,
    Notice,
    Other(Text),
}

/// How a call is answered.
#[derive(Arbitrary, Debug)]
pub enum Said {
    /// As the provider would.
    Honest,
    /// With a token for another login, or keys that are none.
    Wrong,
    Failed,
    TooLarge,
    Status(u16),
    InvalidGrant,
    Other(Text),
}

/// Any bytes, but few.
#[derive(Debug)]
pub struct Text(pub Vec<u8>);

impl<'a> Arbitrary<'a> for Text {
    fn arbitrary(input: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Text> {
        let length = input.int_in_range(0..=24_usize)?.min(input.len());
        Ok(Text(input.bytes(length)?.to_vec()))
    }
}
