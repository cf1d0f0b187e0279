"""What every job of mpirun under test is told."""

# Root is refused otherwise, and so are more ranks than cores. Nothing listens but on the loopback device.
SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_oob_tcp_if_include": "lo",
    "OMPI_MCA_btl_tcp_if_include": "lo",
    "OMPI_MCA_orte_base_help_aggregate": "0",
}
