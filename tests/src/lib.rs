//! A harness for black-box tests over real processes: a Kubernetes control plane, our programs and
//! the Go tools they replace, isolated from the network and from each other.
//!
//! README.md beside this crate tells how to run and write such tests; [`runner`] is where reading
//! the code begins.

pub mod assets;
pub mod binaries;
pub mod cache;
pub mod certificates;
pub mod cluster;
pub mod context;
pub mod control_plane;
pub mod eventually;
pub mod go;
pub mod go_tools;
pub mod health_rules;
pub mod http;
pub mod install;
pub mod installation;
pub mod keys;
pub mod kubeconfig;
pub mod logs;
pub mod metrics;
pub mod netns;
pub mod plaintexts;
pub mod preparation;
pub mod process;
pub mod proxy;
pub mod replicas;
pub mod runner;
pub mod scene;
pub mod sealed;
pub mod standalone;

/// What goes wrong in a test: any error, reported with its whole chain of causes.
pub type TestError = Box<dyn std::error::Error + Send + Sync>;

/// What a test returns.
pub type TestResult = Result<(), TestError>;
