"""An invented fleet: machines as a data centre has them, the same for the same seed.

    fleet = make_fleet(seed=1, owner="A", count=250, world=world_of(lists of stages, bootenvs and workflows))
    for collection, item in fleet: POST /api/v3/<collection> item

Pools and profiles come before the machines that name them. Called as a program it prints a fleet as JSON.
"""
import argparse
import dataclasses
import ipaddress
import json
import random
import uuid


@dataclasses.dataclass(frozen=True)
class World:
    """Names that machines may use: what a server has by itself, more when content packs are loaded."""

    stages: frozenset = frozenset({"none"})
    bootenvs: frozenset = frozenset({"local"})
    workflows: frozenset = frozenset()


def world_of(stages, bootenvs, workflows):
    """The world of a server, from its lists of objects: only what machines can really stand on."""

    def usable(objects):
        return frozenset(o["Name"] for o in objects if o.get("Available", True) and not o.get("OnlyUnknown"))

    return World(usable(stages), usable(bootenvs), usable(workflows))


# How many of a fleet stand where in their life: (share, stage, boot environment, workflow, operating system).
LIVES = [
    (30, "complete", "local", "ubuntu-20.04-base", "ubuntu-20.04"),
    (16, "complete", "local", "centos-base", "centos-8"),
    (8, "finish-install", "local", "centos-7-base", "centos-7"),
    (8, "complete-nowait", "local", "fedora-33-base", "fedora-33"),
    (6, "ubuntu-20.04-install", "ubuntu-20.04-install", "ubuntu-base", "ubuntu-20.04"),
    (5, "centos-8-install", "centos-8-install", "centos-base", "centos-8"),
    (4, "debian-10-install", "debian-10-install", "debian-base", "debian-10"),
    (4, "rocky-8-install", "rocky-8-install", "centos-base", "rocky-8"),
    (12, "sledgehammer-wait", "sledgehammer", "discover-base", "sledgehammer"),
    (7, "discover", "sledgehammer", "discover-base", "sledgehammer"),
    (30, "demo-complete", "local", "demo-deploy", "demo-linux"),
    (12, "demo-configure", "local", "demo-deploy", "demo-linux"),
    (8, "demo-install", "demo-linux-install", "demo-deploy", "demo-linux"),
    (10, "demo-burn-in", "demo-discovery", "demo-onboard", ""),
    (6, "demo-discover", "demo-discovery", "demo-onboard", ""),
    (3, "none", "local", "", ""),
]

# role: (share, pool, model, sockets, cores per socket, memory GiB, disks, disk GB, architecture)
ROLES = {
    "web": (26, "compute", "ProLiant DL360 Gen10", 2, 12, 96, 2, 480, "amd64"),
    "kube": (22, "compute", "PowerEdge R640", 2, 20, 256, 4, 960, "amd64"),
    "db": (12, "storage", "PowerEdge R740xd", 2, 24, 768, 8, 3840, "amd64"),
    "ceph": (12, "storage", "SSG-6029P-E1CR24L", 2, 16, 192, 12, 8000, "amd64"),
    "edge": (12, "edge", "Altra Developer Platform", 1, 64, 128, 2, 960, "arm64"),
    "gpu": (6, "compute", "ProLiant XL270d Gen10", 2, 26, 512, 4, 1920, "amd64"),
    "build": (6, "lab", "PowerEdge R6525", 2, 32, 256, 2, 1920, "amd64"),
    "lab": (4, "lab", "NUC10i7FNK", 1, 6, 32, 1, 500, "amd64"),
}
VENDORS = {"ProLiant": "HPE", "PowerEdge": "Dell Inc.", "SSG": "Supermicro", "Altra": "ADLINK", "NUC10i7FNK": "Intel"}
PROCESSORS = {
    "amd64": ["Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz", "Intel(R) Xeon(R) Silver 4214 CPU @ 2.20GHz",
              "AMD EPYC 7502 32-Core Processor"],
    "arm64": ["Ampere Altra Q80-30"],
}
POOLS = {
    "compute": "Machines that run workloads",
    "storage": "Machines with many disks",
    "edge": "Machines outside of the halls",
    "lab": "Machines to try things on",
}
MACHINES_PER_RACK = 20


def make_fleet(seed, owner, count, world=World()):
    """Yields (collection, object): what `owner` holds, `count` machines at the end."""
    dice = random.Random(f"{seed}/{owner}/{count}")
    for name, description in POOLS.items():
        yield "pools", {"Id": name, "Description": description}
    yield "profiles", {"Name": f"site-{owner.lower()}", "Description": f"What all machines of {owner} share",
                       "Params": {"ntp-servers": [f"ntp.{owner.lower()}.example"],
                                  "dns-domain": f"{owner.lower()}.example"}}
    for role in ROLES:
        yield "profiles", {"Name": f"role-{role}", "Description": f"Machines with the role {role}"}
    lives = [life for life in LIVES if life[1] in world.stages and life[2] in world.bootenvs]
    network = dice.randrange(16, 240) << 16
    for number in range(count):
        yield "machines", make_machine(dice, owner, number, lives, network, world)


def make_machine(dice, owner, number, lives, network, world):
    """One machine; `lives` are those of LIVES that the world has."""
    role = pick(dice, ROLES.items(), lambda item: item[1][0])[0]
    _, pool, model, sockets, cores, memory, disks, disk_size, arch = ROLES[role]
    _, stage, bootenv, workflow, system = pick(dice, lives, lambda life: life[0]) if lives else (0, "", "", "", "")
    rack, unit = divmod(number, MACHINES_PER_RACK)
    name = f"{role}-{owner.lower()}-{rack + 1:02}-{unit * 2 + 1:02}"
    macs = [mac_address(dice) for _ in range(2)]
    address = ip_address(network + 256 * (1 + number // 250) + 2 + number % 250)
    inventory = make_inventory(dice, model, sockets, cores, memory, disks, disk_size, arch, macs, address)
    return {
        "Name": name,
        "Uuid": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
        "Description": f"{model} in rack {rack + 1}, unit {unit * 2 + 1}",
        "Address": address,
        "HardwareAddrs": macs,
        "Arch": arch,
        "OS": system,
        "Stage": stage,
        "BootEnv": bootenv,
        "Workflow": workflow if workflow in world.workflows else "",
        "Pool": pool,
        "Profiles": [f"site-{owner.lower()}", f"role-{role}"],
        "Runnable": dice.random() < 0.93,
        "Locked": dice.random() < 0.04,
        "Meta": {"color": dice.choice(["blue", "green", "teal", "orange", "black"]), "icon": "server"},
        "Params": {
            "detected-bios-mode": "uefi" if dice.random() < 0.8 else "legacy-bios",
            "operating-system-disk": "nvme0n1" if disk_size in (960, 1920, 3840) else "sda",
            "gohai-inventory": inventory,
            "inventory/CPUs": sockets,
            "inventory/CPUCores": cores,
            "inventory/RAM": memory,
            "inventory/NICs": 2,
            "inventory/Manufacturer": inventory["DMI"]["System"]["Manufacturer"],
            "inventory/ProductName": model,
            "inventory/SerialNumber": inventory["DMI"]["System"]["SerialNumber"],
            "location/rack": f"{owner}-{rack + 1:02}",
            "location/unit": unit * 2 + 1,
        },
    }


def make_inventory(dice, model, sockets, cores, memory, disks, disk_size, arch, macs, address):
    """Hardware in the shape that discovery reports it."""
    vendor = next(name for begin, name in VENDORS.items() if model.startswith(begin))
    modules = 8 if memory >= 64 else 2
    return {
        "DMI": {
            "BIOS": {"Vendor": vendor, "Version": f"{dice.randrange(1, 4)}.{dice.randrange(0, 30)}",
                     "ReleaseDate": f"20{dice.randrange(18, 25)}-{dice.randrange(1, 13):02}"},
            "System": {"Manufacturer": vendor, "ProductName": model, "SerialNumber": serial(dice, 10),
                       "UUID": str(uuid.UUID(int=dice.getrandbits(128), version=4))},
            "Chassis": {"Type": "Rack Mount Chassis", "AssetTag": f"AT{dice.randrange(10**6):06}"},
        },
        "Processors": [{"Socket": f"CPU{n}", "Model": dice.choice(PROCESSORS[arch]), "Cores": cores,
                        "Threads": cores * (2 if arch == "amd64" else 1), "MHz": dice.choice([2100, 2200, 2400, 3000])}
                       for n in range(sockets)],
        "Memory": {"TotalGiB": memory,
                   "Modules": [{"Slot": f"DIMM_{'AB'[n % 2]}{n // 2 + 1}", "SizeGiB": memory // modules, "Type": "DDR4",
                                "SpeedMTs": dice.choice([2666, 2933, 3200]), "SerialNumber": serial(dice, 8)}
                               for n in range(modules)]},
        "Storage": {"Controllers": [{"Name": dice.choice(["PERC H740P", "Smart Array P408i-a", "MegaRAID 9460-16i"]),
                                     "Firmware": f"{dice.randrange(40, 60)}.{dice.randrange(20)}.0"}],
                    "Disks": [{"Name": f"sd{chr(97 + n)}", "SizeGB": disk_size, "SerialNumber": serial(dice, 14),
                               "Rotational": disk_size == 8000, "HoursOn": dice.randrange(100, 40000)}
                              for n in range(disks)]},
        "Networking": {"Interfaces": [{"Name": f"eno{n + 1}", "HardwareAddr": mac,
                                       "SpeedMbs": dice.choice([10000, 25000]),
                                       "Driver": dice.choice(["i40e", "mlx5_core", "bnxt_en"]), "Up": n == 0,
                                       "Addresses": [f"{address}/16"] if n == 0 else [],
                                       "SwitchPort": f"sw{dice.randrange(1, 9)}:Ethernet{dice.randrange(1, 49)}"}
                                      for n, mac in enumerate(macs)]},
        "PCI": [{"Slot": f"0000:{dice.randrange(256):02x}:00.{n % 8}", "Class": dice.choice(PCI_CLASSES),
                 "Id": f"{dice.getrandbits(16):04x}:{dice.getrandbits(16):04x}"} for n in range(8)],
        "System": {"Kernel": f"5.10.{dice.randrange(40, 220)}", "Hypervisor": "", "Modules": dice.sample(MODULES, 12)},
    }


PCI_CLASSES = ["Ethernet controller", "Non-Volatile memory controller", "PCI bridge", "RAID bus controller",
               "Serial bus controller", "VGA compatible controller"]
MODULES = ["ahci", "bnxt_en", "dm_mod", "edac_core", "ext4", "i2c_i801", "i40e", "ipmi_si", "ipmi_devintf", "kvm",
           "libahci", "megaraid_sas", "mgag200", "mlx5_core", "nvme", "nvme_core", "overlay", "raid1", "sd_mod",
           "sr_mod", "tg3", "tpm_tis", "uas", "usb_storage", "xfs", "xhci_pci"]


def pick(dice, items, share):
    """One of `items`, as often as its share says."""
    items = list(items)
    return dice.choices(items, weights=[share(item) for item in items])[0]


def mac_address(dice):
    return ":".join(["02"] + [f"{dice.randrange(256):02x}" for _ in range(5)])


def ip_address(number):
    """Of network 10.0.0.0/8."""
    return str(ipaddress.ip_address((10 << 24) | number & 0xFFFFFF))


def serial(dice, length):
    return "".join(dice.choices("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", k=length))


def main():
    parser = argparse.ArgumentParser(description="Prints a fleet, one object a line.")
    parser.add_argument("owner")
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", default="1")
    arguments = parser.parse_args()
    for collection, item in make_fleet(arguments.seed, arguments.owner, arguments.count):
        print(json.dumps({"collection": collection, "object": item}, sort_keys=True))


if __name__ == "__main__":
    main()
