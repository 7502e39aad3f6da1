# Runs after prepare-common.sh: makes the tree a shared root with a CDSL infrastructure, by hand and
# in the layout of old (link style), so that the lab does not depend on the tools that it is there to test.

# /var differs per node, /var/lib is shared again
mkdir -p /cluster/cdsl/default /cluster/shared/var /cdsl.local
mv /var /cluster/cdsl/default/var
mv /cluster/cdsl/default/var/lib /cluster/shared/var/lib
# absolute: a relative link climbs out of the root through /cdsl.local, and systemd's sandboxes (logind's first of all)
# are set up below /run/systemd/unit-root, where /.. is not /
ln -s /cluster/shared/var/lib /cluster/cdsl/default/var/lib
for node in 1 2; do
    cp -a /cluster/cdsl/default "/cluster/cdsl/$node"
done
ln -s cdsl.local/var /var

echo "127.0.0.1 localhost" >/etc/hosts
# nodes are clients: a second NFS server would try to export the root it lives on
systemctl -q disable nfs-server.service
# a case that is about NetworkManager enables it
systemctl -q disable NetworkManager.service NetworkManager-wait-online.service NetworkManager-dispatcher.service
# Every request to the emulated server takes 3 to 8 ms, so a boot's time is its requests. Observed: the persistent
# journal 10 MB of writes, ifup of nothing but lo 10 s, pNFS block layouts 4 s. A case that is about one of them enables it.
mkdir -p /etc/systemd/journald.conf.d
printf '%s\n' "[Journal]" "Storage=volatile" >/etc/systemd/journald.conf.d/lab.conf
for unit in networking.service nfs-blkmap.service; do
    # sid has no nfs-blkmap any more
    [ ! -e "/usr/lib/systemd/system/$unit" ] || systemctl -q disable "$unit"
done
