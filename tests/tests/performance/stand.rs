//! The API server, keys and place in the cluster that all contenders share.

use std::path::PathBuf;
use std::time::Instant;

use sealed_secrets_tests::TestError;
use sealed_secrets_tests::context::{Context, new_namespace};
use sealed_secrets_tests::control_plane::{ControlPlane, Options};
use sealed_secrets_tests::installation::Installation;
use sealed_secrets_tests::keys::{KeyPair, Keys};

use crate::contender::{Contender, Running};
use crate::plan::Plan;

/// The newest key's certificate begins in this year, the next one's a year earlier.
const NEWEST: i32 = 2025;
const LAST_YEAR: i32 = 2040;

/// A cluster for measurements.
pub(crate) struct Stand {
    pub(crate) context: Context,
    pub(crate) plan: Plan,
    pub(crate) control_plane: ControlPlane,
    pub(crate) installation: Installation,
    /// Where the objects are.
    pub(crate) namespace: String,
    /// Certificates, newest first.
    pub(crate) certificates: Vec<PathBuf>,
    keys: Vec<KeyPair>,
}

impl Stand {
    /// With so many keys, of which the newest is in the cluster.
    pub(crate) async fn new(context: Context, keys: usize) -> Result<Self, TestError> {
        Self::with(context, keys, &Options::default().unaudited()).await
    }

    /// Like [`Self::new`], with a record of all requests.
    pub(crate) async fn audited(context: Context, keys: usize) -> Result<Self, TestError> {
        Self::with(context, keys, &Options::default()).await
    }

    async fn with(context: Context, keys: usize, options: &Options) -> Result<Self, TestError> {
        let plan = Plan::from_env()?;
        let kind = plan.kind;
        let making = (0..keys).map(|age| {
            let years = (NEWEST - i32::try_from(age)?)..=LAST_YEAR;
            Ok(tokio::task::spawn_blocking(move || {
                KeyPair::make(kind, years)
            }))
        });
        let making: Vec<_> = making.collect::<Result<_, TestError>>()?;
        let control_plane = context.control_plane_with(options).await?;
        let mut pairs = Vec::new();
        for pair in making {
            pairs.push(pair.await??);
        }
        let certificates = pairs.iter().enumerate().map(|(number, pair)| {
            pair.certificate_file(context.folder(), &format!("key-{number}"))
        });
        let stand = Self {
            plan,
            installation: Installation::new(&control_plane).await?,
            namespace: new_namespace(&control_plane.client()).await?,
            certificates: certificates.collect::<Result<_, _>>()?,
            keys: pairs,
            control_plane,
            context,
        };
        stand.install_keys(1).await?;
        Ok(stand)
    }

    /// Leaves the newest so many keys in the cluster.
    pub(crate) async fn install_keys(&self, wanted: usize) -> Result<(), TestError> {
        let keys = Keys::of(&self.control_plane);
        let there = keys.active().await?.len();
        for (number, pair) in self.keys.iter().enumerate() {
            let name = format!("sealed-secrets-key-{number}");
            if (there..wanted).contains(&number) {
                keys.put(&name, pair.data()).await?;
            } else if (wanted..there).contains(&number) {
                keys.delete(&name).await?;
            }
        }
        Ok(())
    }

    /// Starts a contender.
    pub(crate) async fn start(&self, contender: Contender) -> Result<Running, TestError> {
        self.start_with(contender, &[]).await
    }

    /// Starts a contender with further arguments.
    pub(crate) async fn start_with(
        &self,
        contender: Contender,
        arguments: &[&str],
    ) -> Result<Running, TestError> {
        let name = format!("{contender:?}");
        let arguments = [contender.arguments(), arguments].concat();
        let (context, installation) = (&self.context, &self.installation);
        let since = Instant::now();
        let process = if contender == Contender::Ours {
            installation.start(context, &name, &arguments).await?
        } else {
            installation
                .start_go_with(context, &name, &arguments)
                .await?
        };
        Ok(Running {
            contender,
            process,
            since,
            http: self.installation.http(),
            metrics: self.installation.metrics(),
        })
    }
}
