#!/bin/bash
# Open Sharedroot, static initrd: the boot agent, node identity, CDSLs and hand-over.
# Links and root are dracut's own (root=nfs:..., ip=...); 96osr-cluster takes them over.

# The package lies where `make install` put it.
osr_home=/usr/lib/osr

# What unmounts the root at shutdown, kept in memory by the stage "shutdown".
osr_shutdown="umount mount poweroff reboot halt losetup stat sleep timeout mkdir cat ls rm"

# called by dracut
check() {
    require_binaries /usr/bin/python3 ip || return 1
    # only by name: dracut -a "osr"
    return 255
}

# called by dracut
depends() {
    # dracut mounts the root of a static initrd; with osr-cluster the agent does, and needs only the drivers.
    if [[ " ${add_dracutmodules-} ${force_add_dracutmodules-} " == *" osr-cluster "* ]]; then
        echo base shutdown
    else
        echo base shutdown nfs
    fi
    # From dracut 108 on the initqueue is a module; before, its name is unknown.
    compgen -G "$dracutbasedir/modules.d/[0-9][0-9]initqueue" > /dev/null && echo initqueue
    return 0
}

# called by dracut
install() {
    local _object
    if [[ ${hostonly-} ]]; then
        dwarning "osr: host-only image: it boots machines like this one only; leave -H away for all nodes"
    fi
    inst /usr/bin/python3
    PYTHONPATH=$osr_home /usr/bin/python3 -s -B -m osr_boot.bundle "$initdir" > "$initdir/osr-objects" \
        || { dfatal "osr: the boot agent cannot be put into the image"; exit 1; }
    while read -r _object; do
        osr_libraries "$_object"
    done < "$initdir/osr-objects"
    rm -f -- "$initdir/osr-objects"

    inst_multiple ip modprobe mount umount tr
    # shellcheck disable=SC2086
    inst_multiple $osr_shutdown
    # The image's shell, if no module brought one yet: what dracut's base would do a little later.
    [[ -e $initdir/bin/sh ]] || { inst_multiple bash && ln -sf bash "$initdir/bin/sh"; }
    # shellcheck disable=SC2086
    PYTHONPATH=$osr_home /usr/bin/python3 -s -B -m osr_boot.kept shutdown "$initdir" "$dracutbasedir" $osr_shutdown \
        || { dfatal "osr: what the shutdown needs cannot be named"; exit 1; }

    inst_simple "$moddir/osr-lib.sh" /lib/osr-lib.sh
    inst_hook initqueue 01 "$moddir/osr-name.sh"
    inst_hook pre-pivot 90 "$moddir/osr-pre-pivot.sh"
    dracut_need_initqueue
}

# Install the libraries that a shared object is linked with; dracut looks only into executable files.
osr_libraries() {
    local _library
    for _library in $(ldd "$1" 2> /dev/null | sed -n 's|.*=> \(/[^ ]*\) .*|\1|p'); do
        inst_library "$_library"
    done
}
