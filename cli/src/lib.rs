//! `kubeseal`: seals Secrets so that only the controller of a cluster can read them.
//!
//! The contract (flags, variables, formats, exit codes) is that of the Go implementation; where
//! that is wrong, this does the right thing and docs/compatibility.md says so.
//!
//! | Module | Holds |
//! |---|---|
//! | [`args`], [`mod@env`], [`mode`] | what the user wants |
//! | [`command`], [`mod@reference`] | the subcommands, each a thin module; what is generated of the grammar |
//! | [`input`], [`output`] | documents in, the result out: all of it or nothing |
//! | [`env_file`], [`generate`], [`item_sheet`], [`editor`] | values from other places |
//! | [`certificate`], [`download`], [`certificate_cache`] | the key to seal with: a file, the web, the controller |
//! | [`settings`], [`project`], [`clusters`] | what a project file says, and one output for each cluster |
//! | [`namespace`], [`kubeconfig`], [`pod`] | where a namespace comes from if nobody names it |
//! | [`connection`], [`controller_client`] | the controller, through the API server's proxy |
//! | [`seal`], [`raw`], [`merge`], [`target`] | sealing; into a file that is there |
//! | [`sealed_input`], [`recover`], [`remote`] | what is done with SealedSecrets |
//! | [`inspect`], [`diff`], [`mod@textconv`] | what files show without a key |
//! | [`error`] | what went wrong and what to do |
//!
//! The network is used only where a mode needs it. With `--cert FILE` nothing is contacted, and
//! the kubeconfig is read only where a namespace is missing.

pub mod args;
pub mod certificate;
pub mod certificate_cache;
pub mod clusters;
pub mod command;
pub mod connection;
pub mod controller_client;
pub mod diff;
pub mod download;
pub mod editor;
pub mod env;
pub mod env_file;
pub mod error;
pub mod generate;
pub mod input;
pub mod inspect;
pub mod item_sheet;
pub mod kubeconfig;
pub mod merge;
pub mod mode;
pub mod namespace;
pub mod output;
pub mod pod;
pub mod project;
pub mod raw;
pub mod recover;
pub mod reference;
pub mod remote;
pub mod seal;
pub mod sealed_input;
pub mod settings;
pub mod target;
pub mod textconv;

mod api_server;
mod discovery;
mod message;
mod run;

pub use run::run;
