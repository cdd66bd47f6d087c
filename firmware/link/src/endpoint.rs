//! LINK strings, as users write them behind `--link` and in profiles.
//!
//! In: `udpout:HOST:PORT`, `udpin:HOST:PORT`, `tcpout:HOST:PORT`, `serial:PATH:BAUD`, `file:OUT.tlog`.
//! Out: an [`Endpoint`]. Refused: anything else, with the part that is wrong and what to write instead. Nothing is
//! opened or resolved here.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// One place to send MAVLink to, and to hear it from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Datagrams to `host:port`; answers from that host are heard.
    UdpOut {
        /// Name or address, without brackets.
        host: String,
        /// UDP port, 1..=65535.
        port: u16,
    },
    /// Listens on the local `host:port` and answers whoever spoke MAVLink to it.
    UdpIn {
        /// Local address, `0.0.0.0` for all interfaces, without brackets.
        host: String,
        /// UDP port; 0 lets the system choose.
        port: u16,
    },
    /// Connects to a listening peer, again and again until it is there.
    TcpOut {
        /// Name or address, without brackets.
        host: String,
        /// TCP port, 1..=65535.
        port: u16,
    },
    /// A serial port, 8N1.
    Serial {
        /// Device, for example `/dev/ttyTHS1`.
        path: PathBuf,
        /// Bits per second.
        baud: u32,
    },
    /// A telemetry log of everything sent and received; see [`crate::transport::TlogTransport`].
    Tlog {
        /// File, ending in `.tlog`.
        path: PathBuf,
    },
}

/// What is wrong with a LINK string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The word before the first colon is not a link kind.
    #[error(
        "link {link:?}: kind {kind:?} is unknown, wanted udpout, udpin, tcpout, serial or file; write for example udpout:127.0.0.1:14550"
    )]
    Kind {
        /// The whole string.
        link: String,
        /// What stands for the kind.
        kind: String,
    },
    /// A part is missing.
    #[error("link {link:?}: {part} is missing, wanted {form}; write for example {example}")]
    Missing {
        /// The whole string.
        link: String,
        /// The part, in words.
        part: &'static str,
        /// The form of this kind.
        form: &'static str,
        /// A string that works.
        example: &'static str,
    },
    /// A number is no number, or out of range.
    #[error(
        "link {link:?}: {part} {found:?} is not a number in {range}; write for example {example}"
    )]
    Number {
        /// The whole string.
        link: String,
        /// The part, in words.
        part: &'static str,
        /// What stands there.
        found: String,
        /// The range allowed.
        range: &'static str,
        /// A string that works.
        example: &'static str,
    },
    /// An address with colons that is not in brackets.
    #[error(
        "link {link:?}: host {host:?} contains colons, wanted an IPv6 address in brackets; write for example udpout:[::1]:14550"
    )]
    Brackets {
        /// The whole string.
        link: String,
        /// The host part.
        host: String,
    },
    /// A log with another ending.
    #[error(
        "link {link:?}: file {path:?} does not end in .tlog; write for example file:flight.tlog"
    )]
    Ending {
        /// The whole string.
        link: String,
        /// The path part.
        path: String,
    },
}

/// Form, example and lowest port of one network kind.
struct Net {
    form: &'static str,
    example: &'static str,
    lowest_port: u16,
    range: &'static str,
}

const UDPOUT: Net = Net {
    form: "udpout:HOST:PORT",
    example: "udpout:192.168.1.10:14550",
    lowest_port: 1,
    range: "1..=65535",
};
const UDPIN: Net = Net {
    form: "udpin:HOST:PORT",
    example: "udpin:0.0.0.0:14550",
    lowest_port: 0,
    range: "0..=65535",
};
const TCPOUT: Net = Net {
    form: "tcpout:HOST:PORT",
    example: "tcpout:127.0.0.1:5760",
    lowest_port: 1,
    range: "1..=65535",
};
const SERIAL_FORM: &str = "serial:PATH:BAUD";
const SERIAL_EXAMPLE: &str = "serial:/dev/ttyTHS1:921600";

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(link: &str) -> Result<Self, EndpointError> {
        let (kind, rest) = link.split_once(':').unwrap_or((link, ""));
        match kind {
            "udpout" => {
                host_port(link, rest, &UDPOUT).map(|(host, port)| Endpoint::UdpOut { host, port })
            }
            "udpin" => {
                host_port(link, rest, &UDPIN).map(|(host, port)| Endpoint::UdpIn { host, port })
            }
            "tcpout" => {
                host_port(link, rest, &TCPOUT).map(|(host, port)| Endpoint::TcpOut { host, port })
            }
            "serial" => serial(link, rest),
            "file" => tlog(link, rest),
            _ => Err(EndpointError::Kind {
                link: link.into(),
                kind: kind.into(),
            }),
        }
    }
}

fn host_port(link: &str, rest: &str, net: &Net) -> Result<(String, u16), EndpointError> {
    let missing = |part| EndpointError::Missing {
        link: link.into(),
        part,
        form: net.form,
        example: net.example,
    };
    if rest.is_empty() {
        return Err(missing("the host"));
    }
    let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
        let (host, after) = inner
            .split_once(']')
            .ok_or_else(|| missing("the closing bracket"))?;
        (
            host,
            after.strip_prefix(':').ok_or_else(|| missing("the port"))?,
        )
    } else {
        let (host, port) = rest.rsplit_once(':').ok_or_else(|| missing("the port"))?;
        if host.contains(':') {
            return Err(EndpointError::Brackets {
                link: link.into(),
                host: host.into(),
            });
        }
        (host, port)
    };
    if host.is_empty() {
        return Err(missing("the host"));
    }
    if port.is_empty() {
        return Err(missing("the port"));
    }
    let number = port
        .parse::<u16>()
        .ok()
        .filter(|port| *port >= net.lowest_port);
    let port = number.ok_or_else(|| EndpointError::Number {
        link: link.into(),
        part: "port",
        found: port.into(),
        range: net.range,
        example: net.example,
    })?;
    Ok((host.into(), port))
}

fn serial(link: &str, rest: &str) -> Result<Endpoint, EndpointError> {
    let missing = |part| EndpointError::Missing {
        link: link.into(),
        part,
        form: SERIAL_FORM,
        example: SERIAL_EXAMPLE,
    };
    // Device paths may hold colons (/dev/serial/by-path/pci-0000:00:...): the rate is behind the last one.
    let (path, baud) = rest
        .rsplit_once(':')
        .ok_or_else(|| missing("the rate or the device"))?;
    if path.is_empty() {
        return Err(missing("the device"));
    }
    let number = baud
        .parse::<u32>()
        .ok()
        .filter(|baud| (1_200..=12_000_000).contains(baud));
    let baud = number.ok_or_else(|| EndpointError::Number {
        link: link.into(),
        part: "rate",
        found: baud.into(),
        range: "1200..=12000000 baud",
        example: SERIAL_EXAMPLE,
    })?;
    Ok(Endpoint::Serial {
        path: path.into(),
        baud,
    })
}

fn tlog(link: &str, rest: &str) -> Result<Endpoint, EndpointError> {
    if rest.is_empty() {
        return Err(EndpointError::Missing {
            link: link.into(),
            part: "the file name",
            form: "file:OUT.tlog",
            example: "file:flight.tlog",
        });
    }
    let path = PathBuf::from(rest);
    if path.extension().is_none_or(|ending| ending != "tlog") {
        return Err(EndpointError::Ending {
            link: link.into(),
            path: rest.into(),
        });
    }
    Ok(Endpoint::Tlog { path })
}

/// A host as it stands in `HOST:PORT`: IPv6 addresses in brackets.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.into()
    }
}

impl fmt::Display for Endpoint {
    /// The LINK string that parses to this endpoint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::UdpOut { host, port } => write!(f, "udpout:{}:{port}", bracketed(host)),
            Endpoint::UdpIn { host, port } => write!(f, "udpin:{}:{port}", bracketed(host)),
            Endpoint::TcpOut { host, port } => write!(f, "tcpout:{}:{port}", bracketed(host)),
            Endpoint::Serial { path, baud } => write!(f, "serial:{}:{baud}", path.display()),
            Endpoint::Tlog { path } => write!(f, "file:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_parses_and_prints_back() {
        for link in [
            "udpout:127.0.0.1:14550",
            "udpout:[::1]:14550",
            "udpin:0.0.0.0:0",
            "tcpout:companion.local:5760",
            "serial:/dev/ttyTHS1:921600",
            "serial:/dev/serial/by-path/pci-0000:00:14.0-usb:57600",
            "file:/tmp/a flight.tlog",
        ] {
            let endpoint: Endpoint = link.parse().unwrap();
            assert_eq!(endpoint.to_string(), link);
        }
        assert_eq!(
            "serial:/dev/serial/by-path/pci-0000:00:14.0-usb:57600".parse(),
            Ok(Endpoint::Serial {
                path: "/dev/serial/by-path/pci-0000:00:14.0-usb".into(),
                baud: 57_600
            })
        );
    }

    #[test]
    fn errors_name_the_part_and_a_form_that_works() {
        for (link, wanted) in [
            ("", "kind \"\" is unknown"),
            ("udp:1.2.3.4:1", "kind \"udp\" is unknown"),
            ("udpout", "the host is missing"),
            ("udpout:1.2.3.4", "the port is missing"),
            ("udpout::14550", "the host is missing"),
            ("udpout:h:", "the port is missing"),
            ("udpout:h:0", "port \"0\" is not a number in 1..=65535"),
            ("tcpout:h:70000", "port \"70000\" is not a number"),
            ("tcpout:::1:5760", "in brackets"),
            ("tcpout:[::1:5760", "the closing bracket is missing"),
            ("serial:/dev/ttyS0", "the rate or the device is missing"),
            ("serial::57600", "the device is missing"),
            ("serial:/dev/ttyS0:fast", "rate \"fast\""),
            ("serial:/dev/ttyS0:0", "rate \"0\""),
            ("file:", "the file name is missing"),
            ("file:a.bin", "does not end in .tlog"),
        ] {
            let message = link.parse::<Endpoint>().unwrap_err().to_string();
            assert!(
                message.contains(wanted) && message.contains("write for example"),
                "{link}: {message}"
            );
        }
    }
}
