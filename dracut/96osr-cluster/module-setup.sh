#!/bin/bash
# Open Sharedroot, full-featured initrd: one site's cluster.conf, compiled, and what its root needs.
# The image finds out which node it boots, configures the links and mounts the root by itself.

# The package lies where `make install` put it.
osr_home=/usr/lib/osr

# called by dracut
check() {
    require_binaries osr ip || return 1
    # only by name: dracut -a "osr osr-cluster"
    return 255
}

# called by dracut
depends() {
    echo osr
    # From dracut 106 on "network" brings a back end only; the drivers have a module of their own everywhere.
    echo kernel-network-modules
    osr requires "$(osr_conf)" 2> /dev/null | sed -n 's/^dracut //p'
    return 0
}

# called by dracut
installkernel() {
    local _kind _name
    # Whatever host-only says: the image boots other machines than the one that builds it.
    while read -r _kind _name; do
        case $_kind in
            # -c: what is not there is told; without it dracut leaves it out without a word.
            module | driver)
                hostonly='' instmods -c "$_name" \
                    || { dfatal "osr-cluster: the kernel $kernel has no module $_name, which a boot needs"; exit 1; }
                ;;&
            driver) osr_firmware "$_name" ;;
            helpful) hostonly='' instmods "$_name" ;;
        esac
    done < <(osr requires "$(osr_conf)")
}

# Name what a driver may ask for at boot and dracut has not found: the link would not appear, and nobody know why.
osr_firmware() {
    local _file
    for _file in $(modinfo -k "$kernel" -F firmware "$1" 2> /dev/null); do
        compgen -G "$initdir/lib/firmware/$_file*" > /dev/null \
            || compgen -G "$initdir/lib/firmware/*/$_file*" > /dev/null \
            || dwarning "osr-cluster: driver $1 may ask for the firmware $_file, and it is not in /lib/firmware"
    done
}

# called by dracut
install() {
    local _kind _name _clients='' _clients6='' _shutdown='' _services='' _secrets='' _file
    mkdir -p "$initdir/etc/osr"
    [[ ${osr_secrets-} == yes ]] && _secrets=--secrets
    # shellcheck disable=SC2086
    osr compile $_secrets "$(osr_conf)" -o "$initdir/etc/osr/cluster.json" \
        || { dfatal "osr-cluster: $(osr_conf) cannot be used, no image is written"; exit 1; }
    while read -r _kind _name; do
        case $_kind in
            program)
                inst_multiple "$_name" \
                    || { dfatal "osr-cluster: the program $_name, which a boot needs, is not installed"; exit 1; }
                ;;
            client) _clients+=" $_name" ;;
            client6) _clients6+=" $_name" ;;
            shutdown) _shutdown+=" $_name" ;;
            service) _services+=" $_name" ;;
            plugin)
                _file=$(compgen -G "/usr/lib*/$_name" || compgen -G "/usr/lib/*/$_name") \
                    || { dfatal "osr-cluster: there is no $_name among the libraries, which a boot needs"; exit 1; }
                _services+=" $_file"
                ;;
            secret) osr_secret "$_name" ;;
            dracut)
                # dracut's module does not know where Debian has multipath's checkers, and how it calls the rules.
                [[ $_name == multipath ]] || continue
                inst_multiple -o /lib/multipath/*.so
                inst_rules 56-dm-mpath.rules 56-dm-parts.rules 60-multipath.rules 60-kpartx.rules
                ;;
            # as dracut's own force_drivers: loaded before udev looks at the hardware
            driver) mkdir -p "$initdir/etc/cmdline.d" && echo "rd.driver.pre=$_name" >> "$initdir/etc/cmdline.d/20-osr-drivers.conf" ;;
        esac
    done < <(osr requires "$(osr_conf)" 2> /dev/null)

    # shellcheck disable=SC2086
    [[ -z $_services ]] || osr_services $_services || return 1
    # shellcheck disable=SC2086
    [[ -z $_shutdown ]] || osr_keep shutdown $_shutdown
    if [[ $_clients ]]; then
        # shellcheck disable=SC2086
        osr_one_of $_clients \
            || { dfatal "osr-cluster: cluster.conf says dhcp, and there is none of$_clients: install one"; exit 1; }
    fi
    if [[ $_clients6 ]]; then
        # shellcheck disable=SC2086
        osr_one_of $_clients6 \
            || { dfatal "osr-cluster: cluster.conf says dhcp for IPv6, and there is none of$_clients6: install one"; exit 1; }
    fi
    if [[ $_clients$_clients6 ]]; then
        PYTHONPATH=$osr_home /usr/bin/python3 -s -B -m osr_boot.bundle "$initdir" lease || return 1
    fi

    inst_hook cmdline 30 "$moddir/osr-cmdline.sh"
    inst_hook initqueue/settled 30 "$moddir/osr-settled.sh"
    inst_hook initqueue/finished 30 "$moddir/osr-finished.sh"

    # With LoaderDevicePartUUID set and no root=, this generator waits for a disk until the boot fails.
    mkdir -p "$initdir/etc/systemd/system-generators" "$initdir/etc/systemd/system"
    ln -sf /dev/null "$initdir/etc/systemd/system-generators/systemd-gpt-auto-generator"
    # The agent starts iscsid itself, while it asks for targets, by the same socket as this unit. A multipathd that is
    # started again while the initrd is cleaned up ends that job, and with it the boot: seen with 0.9.4.
    for _name in iscsid.socket multipathd.socket; do
        ln -sf /dev/null "$initdir/etc/systemd/system/$_name"
    done
}

# Install cluster services, what they are started by, and what ends them.
osr_services() {
    local _file
    inst_simple "$moddir/osr-service.sh" /lib/osr-service.sh
    inst_hook shutdown 50 "$moddir/osr-shutdown.sh"
    inst_multiple "$@" \
        || { dfatal "osr-cluster: of $*, which a boot keeps running, something is not installed"; exit 1; }
    osr_keep services "$@"
    while read -r _file; do
        [[ -e $initdir$_file ]] || inst "$_file" || return 1
    done < "$initdir/etc/osr/services.list"
    # Of the shutdown, this hook.
    osr_keep shutdown
}

# Put a secret file into an image that nobody else can fetch; into another one the boot loader must bring it.
osr_secret() {
    if [[ ${osr_secrets-} != yes ]]; then
        dwarning "osr-cluster: $1 is not in this image, since osr_secrets is not yes: a boot needs it in an archive behind it"
        return 0
    fi
    inst_simple "$1" && chmod 400 "$initdir/$1" && return 0
    dfatal "osr-cluster: there is no $1, which a boot needs: \`corosync-keygen\` makes it, and all nodes have the same"
    exit 1
}

# Name what a boot keeps in memory: of its shutdown or of cluster services, and these programs.
osr_keep() {
    PYTHONPATH=$osr_home /usr/bin/python3 -s -B -m osr_boot.kept "$1" "$initdir" "$dracutbasedir" "${@:2}" \
        || { dfatal "osr-cluster: what is kept in memory for the $1 cannot be named"; exit 1; }
}

# Install the first of some programs that is there.
osr_one_of() {
    local _name
    for _name; do
        command -v "$_name" > /dev/null && inst_multiple "$_name" && return 0
    done
    return 1
}

# The file may be given by dracut's configuration; the default is the cluster's own.
osr_conf() {
    echo "${dracutsysrootdir-}${osr_cluster_conf:-/etc/cluster/cluster.conf}"
}
