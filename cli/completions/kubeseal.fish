# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_kubeseal_global_optspecs
    string join \n fetch-cert= raw= merge-into= validate= re-encrypt= recovery-unseal= version= h/help= f/secret-file= w/sealed-secret-file= o/format= from-file= allow-empty-data= project-file= name= n/namespace= scope= cert= clusters= cert-cache= controller-name= controller-namespace= recovery-private-key= kubeconfig= context= cluster= user= server= tls-server-name= proxy-url= certificate-authority= client-certificate= client-key= insecure-skip-tls-verify= disable-compression= token= username= password= as= as-uid= as-group= request-timeout=
end

function __fish_kubeseal_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_kubeseal_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_kubeseal_using_subcommand
    set -l cmd (__fish_kubeseal_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c kubeseal -n "__fish_kubeseal_needs_command" -l fetch-cert -d 'Print the certificate of the controller, to be used with --cert later.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l raw -d 'Seal one value, from standard input or --from-file, and print it alone.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l merge-into -d 'Add the sealed items to the SealedSecret in FILE, or replace them there, in place.' -r -F
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l validate -d 'Ask the controller whether it can unseal the SealedSecrets given; the exit code tells.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l re-encrypt -d 'Have the controller seal the SealedSecrets given again, with its newest key. With -f and without -w the file is replaced.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l recovery-unseal -d 'Unseal SealedSecrets with the private keys of --recovery-private-key and print the Secrets in the clear.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l version -d 'Print the version.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -s h -l help -d 'Print this text.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -s f -l secret-file -d 'Read FILE instead of standard input.' -r -F
complete -c kubeseal -n "__fish_kubeseal_needs_command" -s w -l sealed-secret-file -d 'Write FILE instead of standard output, whole or not at all; YAML if its name ends in .yaml or .yml.' -r -F
complete -c kubeseal -n "__fish_kubeseal_needs_command" -s o -l format -d 'Output format (default: what the project file says, else json).' -r -f -a "json\t''
yaml\t''"
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l from-file -d 'With --raw: the file with the value.' -r -F
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l allow-empty-data -d 'Accept a Secret without items.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l project-file -d 'Project file, instead of the .kubeseal.yaml nearest above the target; /dev/null for none.' -r -F
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l name -d 'Name of the SealedSecret; instead of the one in the input. Needed by --raw in strict scope.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -s n -l namespace -d 'Namespace of the SealedSecret, where the input has none (default: that of the current context).' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l scope -d 'Where the SealedSecret can be unsealed: strict (under its name and namespace only), namespace-wide (under any name) or cluster-wide (anywhere). Default: what the annotations of the input say, else strict.' -r -f -a "strict\t''
namespace-wide\t''
cluster-wide\t''"
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l cert -d 'Certificate to seal with. With a file nothing is contacted. Without this flag the controller is asked.' -r -F
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l clusters -d 'Seal for each of these clusters, with -w \'FILE-{cluster}.yaml\' into a file for each; {name} and {namespace} may stand there too. Those without CERT are from the project file.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l cert-cache -d 'Keep the certificate that the controller sends, and seal with it when no cluster answers. Its age is told.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l controller-name -d 'Service of the controller (default: sealed-secrets-controller; if there is none, the one in its namespace with the label app.kubernetes.io/name=sealed-secrets).' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l controller-namespace -d 'Namespace of the controller (default: kube-system).' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l recovery-private-key -d 'Private keys for --recovery-unseal: PEM files, or backups of the controller\'s key Secrets in JSON or YAML. May be repeated.' -r -F
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l kubeconfig -d 'The kubeconfig (default: $KUBECONFIG, else ~/.kube/config).' -r -F
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l context -d 'Context of the kubeconfig.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l cluster -d 'Cluster of the kubeconfig.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l user -d 'User of the kubeconfig.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l server -d 'The API server.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l tls-server-name -d 'Name that the server\'s certificate must have, if not that of its URL.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l proxy-url -d 'Proxy to reach the server through.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l certificate-authority -d 'Certificate authority of the server.' -r -F
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l client-certificate -d 'TLS client certificate.' -r -F
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l client-key -d 'TLS client key.' -r -F
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l insecure-skip-tls-verify -d 'Don\'t check the server\'s certificate: anybody on the way can then hand out a certificate of their own.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l disable-compression -d 'Don\'t ask for compressed responses.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l token -d 'Bearer token. Like all credentials, sent over TLS only.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l username -d 'Name for basic authentication.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l password -d 'Password for basic authentication.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l as -d 'User to impersonate.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l as-uid -d 'UID to impersonate.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l as-group -d 'Group to impersonate. May be repeated.' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -l request-timeout -d 'How long to wait for each response, as in 30s or 1m30s (default: 0, forever).' -r
complete -c kubeseal -n "__fish_kubeseal_needs_command" -f -a "completion" -d 'Print the completion script for a shell'
complete -c kubeseal -n "__fish_kubeseal_needs_command" -f -a "diff" -d 'Tell what differs between two sealed files'
complete -c kubeseal -n "__fish_kubeseal_needs_command" -f -a "edit" -d 'Edit the items of a SealedSecret in a file'
complete -c kubeseal -n "__fish_kubeseal_needs_command" -f -a "inspect" -d 'Tell what is in sealed files, and what is wrong with them'
complete -c kubeseal -n "__fish_kubeseal_needs_command" -f -a "man" -d 'Print a manual page'
complete -c kubeseal -n "__fish_kubeseal_needs_command" -f -a "set" -d 'Create or change an item of a SealedSecret in a file'
complete -c kubeseal -n "__fish_kubeseal_needs_command" -f -a "unset" -d 'Remove items from a SealedSecret in a file'
complete -c kubeseal -n "__fish_kubeseal_using_subcommand diff" -s o -l format -d 'How to report' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c kubeseal -n "__fish_kubeseal_using_subcommand diff" -l textconv -d 'Print FILE with digests instead of sealed values'
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l name -d 'Name of the SealedSecret; instead of the one in the input. Needed by --raw in strict scope.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -s n -l namespace -d 'Namespace of the SealedSecret, where the input has none (default: that of the current context).' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l scope -d 'Where the SealedSecret can be unsealed: strict (under its name and namespace only), namespace-wide (under any name) or cluster-wide (anywhere). Default: what the annotations of the input say, else strict.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l cert -d 'Certificate to seal with. With a file nothing is contacted. Without this flag the controller is asked.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l clusters -d 'Seal for each of these clusters, with -w \'FILE-{cluster}.yaml\' into a file for each; {name} and {namespace} may stand there too. Those without CERT are from the project file.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l cert-cache -d 'Keep the certificate that the controller sends, and seal with it when no cluster answers. Its age is told.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l controller-name -d 'Service of the controller (default: sealed-secrets-controller; if there is none, the one in its namespace with the label app.kubernetes.io/name=sealed-secrets).' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l controller-namespace -d 'Namespace of the controller (default: kube-system).' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l recovery-private-key -d 'Private keys for --recovery-unseal: PEM files, or backups of the controller\'s key Secrets in JSON or YAML. May be repeated.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l kubeconfig -d 'The kubeconfig (default: $KUBECONFIG, else ~/.kube/config).' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l context -d 'Context of the kubeconfig.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l cluster -d 'Cluster of the kubeconfig.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l user -d 'User of the kubeconfig.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l server -d 'The API server.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l tls-server-name -d 'Name that the server\'s certificate must have, if not that of its URL.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l proxy-url -d 'Proxy to reach the server through.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l certificate-authority -d 'Certificate authority of the server.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l client-certificate -d 'TLS client certificate.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l client-key -d 'TLS client key.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l insecure-skip-tls-verify -d 'Don\'t check the server\'s certificate: anybody on the way can then hand out a certificate of their own.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l disable-compression -d 'Don\'t ask for compressed responses.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l token -d 'Bearer token. Like all credentials, sent over TLS only.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l username -d 'Name for basic authentication.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l password -d 'Password for basic authentication.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l as -d 'User to impersonate.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l as-uid -d 'UID to impersonate.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l as-group -d 'Group to impersonate. May be repeated.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand edit" -l request-timeout -d 'How long to wait for each response, as in 30s or 1m30s (default: 0, forever).' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand inspect" -l cert -d 'Compare with the key of this certificate, as far as that can be told' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand inspect" -s o -l format -d 'How to report' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c kubeseal -n "__fish_kubeseal_using_subcommand inspect" -l only -d 'Look at nothing but SealedSecrets, or nothing but plain Secrets; pass over unreadable files that speak of no Secret' -r -f -a "sealed\t'SealedSecrets; plain Secrets are none of our business'
plain\t'Plain Secrets; what is wrong with SealedSecrets is none of our business'"
complete -c kubeseal -n "__fish_kubeseal_using_subcommand inspect" -s q -l quiet -d 'Print nothing but problems'
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l from-file -d 'Take the value from PATH, byte for byte' -r -F
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l from-env-file -d 'Create or change an item for every NAME=value line of PATH' -r -F
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l generate -d 'Make a value: password[:LENGTH], uuid, ssh-ed25519 or ssh-rsa[:BITS]. Of SSH keys the public half is printed' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l name -d 'Name of the SealedSecret; instead of the one in the input. Needed by --raw in strict scope.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -s n -l namespace -d 'Namespace of the SealedSecret, where the input has none (default: that of the current context).' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l scope -d 'Where the SealedSecret can be unsealed: strict (under its name and namespace only), namespace-wide (under any name) or cluster-wide (anywhere). Default: what the annotations of the input say, else strict.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l cert -d 'Certificate to seal with. With a file nothing is contacted. Without this flag the controller is asked.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l clusters -d 'Seal for each of these clusters, with -w \'FILE-{cluster}.yaml\' into a file for each; {name} and {namespace} may stand there too. Those without CERT are from the project file.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l cert-cache -d 'Keep the certificate that the controller sends, and seal with it when no cluster answers. Its age is told.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l controller-name -d 'Service of the controller (default: sealed-secrets-controller; if there is none, the one in its namespace with the label app.kubernetes.io/name=sealed-secrets).' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l controller-namespace -d 'Namespace of the controller (default: kube-system).' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l kubeconfig -d 'The kubeconfig (default: $KUBECONFIG, else ~/.kube/config).' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l context -d 'Context of the kubeconfig.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l cluster -d 'Cluster of the kubeconfig.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l user -d 'User of the kubeconfig.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l server -d 'The API server.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l tls-server-name -d 'Name that the server\'s certificate must have, if not that of its URL.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l proxy-url -d 'Proxy to reach the server through.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l certificate-authority -d 'Certificate authority of the server.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l client-certificate -d 'TLS client certificate.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l client-key -d 'TLS client key.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l insecure-skip-tls-verify -d 'Don\'t check the server\'s certificate: anybody on the way can then hand out a certificate of their own.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l disable-compression -d 'Don\'t ask for compressed responses.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l token -d 'Bearer token. Like all credentials, sent over TLS only.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l username -d 'Name for basic authentication.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l password -d 'Password for basic authentication.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l as -d 'User to impersonate.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l as-uid -d 'UID to impersonate.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l as-group -d 'Group to impersonate. May be repeated.' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l request-timeout -d 'How long to wait for each response, as in 30s or 1m30s (default: 0, forever).' -r
complete -c kubeseal -n "__fish_kubeseal_using_subcommand set" -l value-stdin -d 'Take the value from standard input, byte for byte'
