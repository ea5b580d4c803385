//! The options that choose a dialect, and the endpoints they mean.

use std::rc::Rc;

use clap::{Args, ValueEnum};

use super::{Endpoint, PAYLOAD, Speech, Tls, TlsOptions, Via};
use crate::payload::Form;
use crate::url::Url;

/// What Engine.IO is asked for when the URL does not say.
const ENGINE_IO: &str = "EIO=4&transport=websocket";

/// The dialects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// Each message of the WebSocket is a payload
    #[default]
    Raw,
    /// A frame (--subscribe) is sent first; payloads come inside the server's own messages
    Subscribe,
    /// Subscribe by WebSocket at --url, publish at --publish-url by POST or WebSocket
    Nchan,
    /// Socket.IO 5 over Engine.IO 4, WebSocket only
    Socketio,
    /// Listen to an event stream (EventSource) at --url, which is http://; publish there by POST, or
    /// at --publish-url
    Sse,
    /// The same by long-poll
    Poll,
}

impl Dialect {
    /// Whether it listens by HTTP.
    pub fn is_http(self) -> bool {
        matches!(self, Dialect::Sse | Dialect::Poll)
    }
}

/// How the server wants to be spoken to.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "How the server is spoken to")]
pub struct DialectOptions {
    /// How payloads travel
    #[arg(long, value_enum, default_value_t)]
    pub dialect: Dialect,
    /// What payloads look like [default: binary; text with --publish-template, Socket.IO, sse and poll]
    #[arg(long, value_enum)]
    pub payload: Option<Form>,
    /// Offer permessage-deflate; who declines is refused. What comes compressed is inflated and
    /// checked, what is published goes as it is
    #[arg(long)]
    pub deflate: bool,
    /// Publishers connect here instead, and get nothing back: ws:// or wss://, or http:// or https://
    /// for a POST a message
    #[arg(long, value_name = "URL")]
    pub publish_url: Option<String>,
    /// Text that is sent first on each connection
    #[arg(long, value_name = "TEXT")]
    pub subscribe: Option<String>,
    /// A connection is not open before a message came that contains this
    #[arg(long, value_name = "TEXT")]
    pub subscribed: Option<String>,
    /// What is sent to publish; {payload} stands for the payload
    #[arg(long, value_name = "TEXT")]
    pub publish_template: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub tls: TlsOptions,
    /// Socket.IO: the event that carries payloads
    #[arg(long, value_name = "NAME", default_value = "message")]
    pub event: String,
    /// Socket.IO: the namespace
    #[arg(long, value_name = "NAME", default_value = "/")]
    pub namespace: String,
}

/// What scenarios have to know of a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Talk {
    /// What payloads look like.
    pub form: Form,
    /// Whether publishers get what other publishers send.
    pub publishers_listen: bool,
    /// Nothing tells when a subscriber is in: it has to be given a moment.
    pub joins_silently: bool,
}

impl Default for Talk {
    fn default() -> Talk {
        Talk {
            form: Form::Binary,
            publishers_listen: true,
            joins_silently: false,
        }
    }
}

/// Where subscribers and publishers go.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Subscribers, and publishers too when there is no other.
    pub listen: Rc<Endpoint>,
    /// Publishers.
    pub publish: Option<Rc<Endpoint>>,
}

impl Endpoints {
    /// Payloads as they are, both ways.
    pub fn raw(url: Url) -> Endpoints {
        let endpoint = Endpoint {
            url,
            tls: None,
            via: Via::WebSocket,
            speech: Speech::Raw,
            form: Form::Binary,
            deflate: false,
            listens: true,
        };
        Endpoints {
            listen: Rc::new(endpoint),
            publish: None,
        }
    }
}

impl DialectOptions {
    /// What payloads look like.
    pub fn form(&self) -> Form {
        let wrapped = self.publish_template.is_some() || self.dialect == Dialect::Socketio;
        self.payload
            .unwrap_or(match wrapped || self.dialect.is_http() {
                true => Form::Text,
                false => Form::Binary,
            })
    }

    /// What scenarios have to know.
    pub fn talk(&self) -> Talk {
        Talk {
            form: self.form(),
            publishers_listen: self.publish_url.is_none() && !self.dialect.is_http(),
            joins_silently: self.dialect == Dialect::Poll,
        }
    }

    /// Where `--url` is.
    ///
    /// # Errors
    /// A sentence, for a bad URL and for one that is not of this dialect.
    pub fn parse(&self, url: &str) -> Result<Url, String> {
        match self.dialect.is_http() {
            true => Url::parse_http(url),
            false => Url::parse(url),
        }
    }

    /// Refuses messages too small to carry their proof in this form.
    ///
    /// # Errors
    /// A sentence that names the option.
    pub fn fits(&self, size: usize) -> Result<(), String> {
        let (form, least) = (self.form(), self.form().least_bytes());
        match size < least {
            true => Err(format!(
                "--size {size}: a {form:?} payload takes {least} bytes at least"
            )),
            false => Ok(()),
        }
    }

    /// The endpoints that these options mean for a server at `url`. A port of 0 in the
    /// publishers' URL is that of `url`.
    ///
    /// # Errors
    /// A sentence, for options that contradict each other and for a bad URL.
    pub fn endpoints(&self, mut url: Url) -> Result<Endpoints, String> {
        self.check()?;
        if self.dialect == Dialect::Socketio {
            engine_io(&mut url);
        }
        let publish = match &self.publish_url {
            Some(text) => Some(self.publish_endpoint(text, url.address.port())?),
            None if self.dialect.is_http() => Some(self.publish_at(url.clone())?),
            None => None,
        };
        let publish = publish.map(Rc::new);
        let listen = Rc::new(Endpoint {
            tls: self.tls(&url)?,
            url,
            via: match self.dialect {
                Dialect::Sse => Via::Sse,
                Dialect::Poll => Via::Poll,
                _ => Via::WebSocket,
            },
            speech: self.speech(true),
            form: self.form(),
            deflate: self.deflate,
            listens: true,
        });
        Ok(Endpoints { listen, publish })
    }

    fn publish_endpoint(&self, text: &str, port: u16) -> Result<Endpoint, String> {
        let mut url = Url::parse_any(text)?;
        if url.address.port() == 0 {
            url.set_port(port);
        }
        if url.http && self.dialect == Dialect::Socketio {
            return Err("--publish-url: Socket.IO has no POST".to_owned());
        }
        if self.dialect == Dialect::Socketio {
            engine_io(&mut url);
        }
        self.publish_at(url)
    }

    fn publish_at(&self, url: Url) -> Result<Endpoint, String> {
        Ok(Endpoint {
            tls: self.tls(&url)?,
            via: match url.http {
                true => Via::Post,
                false => Via::WebSocket,
            },
            url,
            speech: self.speech(false),
            form: self.form(),
            deflate: self.deflate,
            listens: false,
        })
    }

    fn tls(&self, url: &Url) -> Result<Option<Tls>, String> {
        url.secure.then(|| self.tls.with(&url.host)).transpose()
    }

    fn speech(&self, listens: bool) -> Speech {
        let subscribe = self.subscribe.clone().filter(|_| listens);
        let template = self.publish_template.as_deref();
        let template = template.and_then(|t| t.split_once(PAYLOAD));
        match self.dialect {
            Dialect::Socketio => Speech::SocketIo {
                namespace: self.namespace(),
                event: self.event.clone(),
                subscribe,
            },
            Dialect::Subscribe => Speech::Wrapped {
                subscribe,
                subscribed: self.subscribed.clone().filter(|_| listens),
                template: template.map(|(a, b)| (a.to_owned(), b.to_owned())),
            },
            Dialect::Raw | Dialect::Nchan | Dialect::Sse | Dialect::Poll => Speech::Raw,
        }
    }

    fn namespace(&self) -> String {
        match self.namespace.starts_with('/') {
            true => self.namespace.clone(),
            false => format!("/{}", self.namespace),
        }
    }

    fn check(&self) -> Result<(), String> {
        let of = |given: bool, option: &str, dialects: &[Dialect]| {
            let fits = !given || dialects.contains(&self.dialect);
            let names = dialects.iter().filter_map(|d| d.to_possible_value());
            let names: Vec<String> = names.map(|n| n.get_name().to_owned()).collect();
            match fits {
                true => Ok(()),
                false => Err(format!("{option} needs --dialect {}", names.join(" or "))),
            }
        };
        use Dialect::{Nchan, Raw, Socketio, Subscribe};
        of(
            self.subscribe.is_some(),
            "--subscribe",
            &[Subscribe, Socketio],
        )?;
        of(self.subscribed.is_some(), "--subscribed", &[Subscribe])?;
        of(
            self.publish_template.is_some(),
            "--publish-template",
            &[Subscribe],
        )?;
        of(self.namespace != "/", "--namespace", &[Socketio])?;
        of(self.event != "message", "--event", &[Socketio])?;
        of(
            self.deflate,
            "--deflate",
            &[Raw, Subscribe, Nchan, Socketio],
        )?;
        if self.dialect.is_http() && self.form() == Form::Binary {
            return Err(
                "--payload binary: an event stream and its like carry text or json".to_owned(),
            );
        }
        if self.dialect == Subscribe && self.subscribe.is_none() {
            return Err("--dialect subscribe needs --subscribe".to_owned());
        }
        if self.dialect == Nchan && self.publish_url.is_none() {
            return Err("--dialect nchan needs --publish-url".to_owned());
        }
        match &self.publish_template {
            Some(t) if !t.contains(PAYLOAD) => {
                Err(format!("--publish-template does not hold {PAYLOAD}"))
            }
            Some(_) if self.form() == Form::Binary => {
                Err("--publish-template needs --payload text or json".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Asks for Engine.IO over a WebSocket, as far as the URL does not do so itself.
fn engine_io(url: &mut Url) {
    if url.path == "/" {
        url.path = "/socket.io/".to_owned();
    }
    if !url.path.contains("EIO=") {
        let sign = if url.path.contains('?') { '&' } else { '?' };
        url.path = format!("{}{sign}{ENGINE_IO}", url.path);
    }
}
