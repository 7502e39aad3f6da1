#!/bin/bash
# Open Sharedroot, full-featured initrd: one site's cluster.conf, compiled, and what its root needs.
# The image finds out which node it boots, configures the links and mounts the root by itself.

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
    return 0
}

# called by dracut
installkernel() {
    local _kind _name
    # Whatever host-only says: the image boots other machines than the one that builds it.
    while read -r _kind _name; do
        case $_kind in
            module | driver) hostonly='' instmods "$_name" || return 1 ;;
        esac
    done < <(osr requires "$(osr_conf)")
}

# called by dracut
install() {
    local _kind _name
    mkdir -p "$initdir/etc/osr"
    osr compile "$(osr_conf)" -o "$initdir/etc/osr/cluster.json" \
        || { dfatal "osr-cluster: $(osr_conf) cannot be used, no image is written"; exit 1; }
    while read -r _kind _name; do
        case $_kind in
            program) inst_multiple "$_name" || return 1 ;;
            # as dracut's own force_drivers: loaded before udev looks at the hardware
            driver) mkdir -p "$initdir/etc/cmdline.d" && echo "rd.driver.pre=$_name" >> "$initdir/etc/cmdline.d/20-osr-drivers.conf" ;;
        esac
    done < <(osr requires "$(osr_conf)" 2> /dev/null)

    inst_hook cmdline 30 "$moddir/osr-cmdline.sh"
    inst_hook initqueue/settled 30 "$moddir/osr-settled.sh"
    inst_hook initqueue/finished 30 "$moddir/osr-finished.sh"

    # With LoaderDevicePartUUID set and no root=, this generator waits for a disk until the boot fails.
    mkdir -p "$initdir/etc/systemd/system-generators"
    ln -sf /dev/null "$initdir/etc/systemd/system-generators/systemd-gpt-auto-generator"
}

# The file may be given by dracut's configuration; the default is the cluster's own.
osr_conf() {
    echo "${dracutsysrootdir-}${osr_cluster_conf:-/etc/cluster/cluster.conf}"
}
