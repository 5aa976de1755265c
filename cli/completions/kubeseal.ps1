
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'kubeseal' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'kubeseal'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'kubeseal' {
            [CompletionResult]::new('--fetch-cert', '--fetch-cert', [CompletionResultType]::ParameterName, 'Print the certificate of the controller, to be used with --cert later.')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Seal one value, from standard input or --from-file, and print it alone.')
            [CompletionResult]::new('--merge-into', '--merge-into', [CompletionResultType]::ParameterName, 'Add the sealed items to the SealedSecret in FILE, or replace them there, in place.')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Ask the controller whether it can unseal the SealedSecrets given; the exit code tells.')
            [CompletionResult]::new('--re-encrypt', '--re-encrypt', [CompletionResultType]::ParameterName, 'Have the controller seal the SealedSecrets given again, with its newest key. With -f and without -w the file is replaced.')
            [CompletionResult]::new('--recovery-unseal', '--recovery-unseal', [CompletionResultType]::ParameterName, 'Unseal SealedSecrets with the private keys of --recovery-private-key and print the Secrets in the clear.')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print the version.')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print this text.')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print this text.')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Read FILE instead of standard input.')
            [CompletionResult]::new('--secret-file', '--secret-file', [CompletionResultType]::ParameterName, 'Read FILE instead of standard input.')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Write FILE instead of standard output, whole or not at all; YAML if its name ends in .yaml or .yml.')
            [CompletionResult]::new('--sealed-secret-file', '--sealed-secret-file', [CompletionResultType]::ParameterName, 'Write FILE instead of standard output, whole or not at all; YAML if its name ends in .yaml or .yml.')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format (default: what the project file says, else json).')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format (default: what the project file says, else json).')
            [CompletionResult]::new('--from-file', '--from-file', [CompletionResultType]::ParameterName, 'With --raw: the file with the value.')
            [CompletionResult]::new('--allow-empty-data', '--allow-empty-data', [CompletionResultType]::ParameterName, 'Accept a Secret without items.')
            [CompletionResult]::new('--project-file', '--project-file', [CompletionResultType]::ParameterName, 'Project file, instead of the .kubeseal.yaml nearest above the target; /dev/null for none.')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the SealedSecret; instead of the one in the input. Needed by --raw in strict scope.')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Namespace of the SealedSecret, where the input has none (default: that of the current context).')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Namespace of the SealedSecret, where the input has none (default: that of the current context).')
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Where the SealedSecret can be unsealed: strict (under its name and namespace only), namespace-wide (under any name) or cluster-wide (anywhere). Default: what the annotations of the input say, else strict.')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Certificate to seal with. With a file nothing is contacted. Without this flag the controller is asked.')
            [CompletionResult]::new('--clusters', '--clusters', [CompletionResultType]::ParameterName, 'Seal for each of these clusters, with -w ''FILE-{cluster}.yaml'' into a file for each; {name} and {namespace} may stand there too. Those without CERT are from the project file.')
            [CompletionResult]::new('--cert-cache', '--cert-cache', [CompletionResultType]::ParameterName, 'Keep the certificate that the controller sends, and seal with it when no cluster answers. Its age is told.')
            [CompletionResult]::new('--controller-name', '--controller-name', [CompletionResultType]::ParameterName, 'Service of the controller (default: sealed-secrets-controller; if there is none, the one in its namespace with the label app.kubernetes.io/name=sealed-secrets).')
            [CompletionResult]::new('--controller-namespace', '--controller-namespace', [CompletionResultType]::ParameterName, 'Namespace of the controller (default: kube-system).')
            [CompletionResult]::new('--recovery-private-key', '--recovery-private-key', [CompletionResultType]::ParameterName, 'Private keys for --recovery-unseal: PEM files, or backups of the controller''s key Secrets in JSON or YAML. May be repeated.')
            [CompletionResult]::new('--kubeconfig', '--kubeconfig', [CompletionResultType]::ParameterName, 'The kubeconfig (default: $KUBECONFIG, else ~/.kube/config).')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Context of the kubeconfig.')
            [CompletionResult]::new('--cluster', '--cluster', [CompletionResultType]::ParameterName, 'Cluster of the kubeconfig.')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User of the kubeconfig.')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The API server.')
            [CompletionResult]::new('--tls-server-name', '--tls-server-name', [CompletionResultType]::ParameterName, 'Name that the server''s certificate must have, if not that of its URL.')
            [CompletionResult]::new('--proxy-url', '--proxy-url', [CompletionResultType]::ParameterName, 'Proxy to reach the server through.')
            [CompletionResult]::new('--certificate-authority', '--certificate-authority', [CompletionResultType]::ParameterName, 'Certificate authority of the server.')
            [CompletionResult]::new('--client-certificate', '--client-certificate', [CompletionResultType]::ParameterName, 'TLS client certificate.')
            [CompletionResult]::new('--client-key', '--client-key', [CompletionResultType]::ParameterName, 'TLS client key.')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Don''t check the server''s certificate: anybody on the way can then hand out a certificate of their own.')
            [CompletionResult]::new('--disable-compression', '--disable-compression', [CompletionResultType]::ParameterName, 'Don''t ask for compressed responses.')
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'Bearer token. Like all credentials, sent over TLS only.')
            [CompletionResult]::new('--username', '--username', [CompletionResultType]::ParameterName, 'Name for basic authentication.')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password for basic authentication.')
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'User to impersonate.')
            [CompletionResult]::new('--as-uid', '--as-uid', [CompletionResultType]::ParameterName, 'UID to impersonate.')
            [CompletionResult]::new('--as-group', '--as-group', [CompletionResultType]::ParameterName, 'Group to impersonate. May be repeated.')
            [CompletionResult]::new('--request-timeout', '--request-timeout', [CompletionResultType]::ParameterName, 'How long to wait for each response, as in 30s or 1m30s (default: 0, forever).')
            [CompletionResult]::new('completion', 'completion', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Tell what differs between two sealed files')
            [CompletionResult]::new('edit', 'edit', [CompletionResultType]::ParameterValue, 'Edit the items of a SealedSecret in a file')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Tell what is in sealed files, and what is wrong with them')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a manual page')
            [CompletionResult]::new('set', 'set', [CompletionResultType]::ParameterValue, 'Create or change an item of a SealedSecret in a file')
            [CompletionResult]::new('unset', 'unset', [CompletionResultType]::ParameterValue, 'Remove items from a SealedSecret in a file')
            break
        }
        'kubeseal;completion' {
            break
        }
        'kubeseal;diff' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to report')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to report')
            [CompletionResult]::new('--textconv', '--textconv', [CompletionResultType]::ParameterName, 'Print FILE with digests instead of sealed values')
            break
        }
        'kubeseal;edit' {
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the SealedSecret; instead of the one in the input. Needed by --raw in strict scope.')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Namespace of the SealedSecret, where the input has none (default: that of the current context).')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Namespace of the SealedSecret, where the input has none (default: that of the current context).')
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Where the SealedSecret can be unsealed: strict (under its name and namespace only), namespace-wide (under any name) or cluster-wide (anywhere). Default: what the annotations of the input say, else strict.')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Certificate to seal with. With a file nothing is contacted. Without this flag the controller is asked.')
            [CompletionResult]::new('--clusters', '--clusters', [CompletionResultType]::ParameterName, 'Seal for each of these clusters, with -w ''FILE-{cluster}.yaml'' into a file for each; {name} and {namespace} may stand there too. Those without CERT are from the project file.')
            [CompletionResult]::new('--cert-cache', '--cert-cache', [CompletionResultType]::ParameterName, 'Keep the certificate that the controller sends, and seal with it when no cluster answers. Its age is told.')
            [CompletionResult]::new('--controller-name', '--controller-name', [CompletionResultType]::ParameterName, 'Service of the controller (default: sealed-secrets-controller; if there is none, the one in its namespace with the label app.kubernetes.io/name=sealed-secrets).')
            [CompletionResult]::new('--controller-namespace', '--controller-namespace', [CompletionResultType]::ParameterName, 'Namespace of the controller (default: kube-system).')
            [CompletionResult]::new('--recovery-private-key', '--recovery-private-key', [CompletionResultType]::ParameterName, 'Private keys for --recovery-unseal: PEM files, or backups of the controller''s key Secrets in JSON or YAML. May be repeated.')
            [CompletionResult]::new('--kubeconfig', '--kubeconfig', [CompletionResultType]::ParameterName, 'The kubeconfig (default: $KUBECONFIG, else ~/.kube/config).')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Context of the kubeconfig.')
            [CompletionResult]::new('--cluster', '--cluster', [CompletionResultType]::ParameterName, 'Cluster of the kubeconfig.')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User of the kubeconfig.')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The API server.')
            [CompletionResult]::new('--tls-server-name', '--tls-server-name', [CompletionResultType]::ParameterName, 'Name that the server''s certificate must have, if not that of its URL.')
            [CompletionResult]::new('--proxy-url', '--proxy-url', [CompletionResultType]::ParameterName, 'Proxy to reach the server through.')
            [CompletionResult]::new('--certificate-authority', '--certificate-authority', [CompletionResultType]::ParameterName, 'Certificate authority of the server.')
            [CompletionResult]::new('--client-certificate', '--client-certificate', [CompletionResultType]::ParameterName, 'TLS client certificate.')
            [CompletionResult]::new('--client-key', '--client-key', [CompletionResultType]::ParameterName, 'TLS client key.')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Don''t check the server''s certificate: anybody on the way can then hand out a certificate of their own.')
            [CompletionResult]::new('--disable-compression', '--disable-compression', [CompletionResultType]::ParameterName, 'Don''t ask for compressed responses.')
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'Bearer token. Like all credentials, sent over TLS only.')
            [CompletionResult]::new('--username', '--username', [CompletionResultType]::ParameterName, 'Name for basic authentication.')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password for basic authentication.')
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'User to impersonate.')
            [CompletionResult]::new('--as-uid', '--as-uid', [CompletionResultType]::ParameterName, 'UID to impersonate.')
            [CompletionResult]::new('--as-group', '--as-group', [CompletionResultType]::ParameterName, 'Group to impersonate. May be repeated.')
            [CompletionResult]::new('--request-timeout', '--request-timeout', [CompletionResultType]::ParameterName, 'How long to wait for each response, as in 30s or 1m30s (default: 0, forever).')
            break
        }
        'kubeseal;inspect' {
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Compare with the key of this certificate, as far as that can be told')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to report')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to report')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Look at nothing but SealedSecrets, or nothing but plain Secrets; pass over unreadable files that speak of no Secret')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but problems')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but problems')
            break
        }
        'kubeseal;man' {
            break
        }
        'kubeseal;set' {
            [CompletionResult]::new('--from-file', '--from-file', [CompletionResultType]::ParameterName, 'Take the value from PATH, byte for byte')
            [CompletionResult]::new('--from-env-file', '--from-env-file', [CompletionResultType]::ParameterName, 'Create or change an item for every NAME=value line of PATH')
            [CompletionResult]::new('--generate', '--generate', [CompletionResultType]::ParameterName, 'Make a value: password[:LENGTH], uuid, ssh-ed25519 or ssh-rsa[:BITS]. Of SSH keys the public half is printed')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the SealedSecret; instead of the one in the input. Needed by --raw in strict scope.')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Namespace of the SealedSecret, where the input has none (default: that of the current context).')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Namespace of the SealedSecret, where the input has none (default: that of the current context).')
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Where the SealedSecret can be unsealed: strict (under its name and namespace only), namespace-wide (under any name) or cluster-wide (anywhere). Default: what the annotations of the input say, else strict.')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Certificate to seal with. With a file nothing is contacted. Without this flag the controller is asked.')
            [CompletionResult]::new('--clusters', '--clusters', [CompletionResultType]::ParameterName, 'Seal for each of these clusters, with -w ''FILE-{cluster}.yaml'' into a file for each; {name} and {namespace} may stand there too. Those without CERT are from the project file.')
            [CompletionResult]::new('--cert-cache', '--cert-cache', [CompletionResultType]::ParameterName, 'Keep the certificate that the controller sends, and seal with it when no cluster answers. Its age is told.')
            [CompletionResult]::new('--controller-name', '--controller-name', [CompletionResultType]::ParameterName, 'Service of the controller (default: sealed-secrets-controller; if there is none, the one in its namespace with the label app.kubernetes.io/name=sealed-secrets).')
            [CompletionResult]::new('--controller-namespace', '--controller-namespace', [CompletionResultType]::ParameterName, 'Namespace of the controller (default: kube-system).')
            [CompletionResult]::new('--kubeconfig', '--kubeconfig', [CompletionResultType]::ParameterName, 'The kubeconfig (default: $KUBECONFIG, else ~/.kube/config).')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Context of the kubeconfig.')
            [CompletionResult]::new('--cluster', '--cluster', [CompletionResultType]::ParameterName, 'Cluster of the kubeconfig.')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User of the kubeconfig.')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The API server.')
            [CompletionResult]::new('--tls-server-name', '--tls-server-name', [CompletionResultType]::ParameterName, 'Name that the server''s certificate must have, if not that of its URL.')
            [CompletionResult]::new('--proxy-url', '--proxy-url', [CompletionResultType]::ParameterName, 'Proxy to reach the server through.')
            [CompletionResult]::new('--certificate-authority', '--certificate-authority', [CompletionResultType]::ParameterName, 'Certificate authority of the server.')
            [CompletionResult]::new('--client-certificate', '--client-certificate', [CompletionResultType]::ParameterName, 'TLS client certificate.')
            [CompletionResult]::new('--client-key', '--client-key', [CompletionResultType]::ParameterName, 'TLS client key.')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Don''t check the server''s certificate: anybody on the way can then hand out a certificate of their own.')
            [CompletionResult]::new('--disable-compression', '--disable-compression', [CompletionResultType]::ParameterName, 'Don''t ask for compressed responses.')
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'Bearer token. Like all credentials, sent over TLS only.')
            [CompletionResult]::new('--username', '--username', [CompletionResultType]::ParameterName, 'Name for basic authentication.')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password for basic authentication.')
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'User to impersonate.')
            [CompletionResult]::new('--as-uid', '--as-uid', [CompletionResultType]::ParameterName, 'UID to impersonate.')
            [CompletionResult]::new('--as-group', '--as-group', [CompletionResultType]::ParameterName, 'Group to impersonate. May be repeated.')
            [CompletionResult]::new('--request-timeout', '--request-timeout', [CompletionResultType]::ParameterName, 'How long to wait for each response, as in 30s or 1m30s (default: 0, forever).')
            [CompletionResult]::new('--value-stdin', '--value-stdin', [CompletionResultType]::ParameterName, 'Take the value from standard input, byte for byte')
            break
        }
        'kubeseal;unset' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
