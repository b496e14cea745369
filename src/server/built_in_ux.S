/* The pack as it is: a compiler would take longer for a megabyte of numbers than for all of this room. */
    .section .rodata
    .balign 16
    .globl mullion_ux_pack_begin
    .globl mullion_ux_pack_end
mullion_ux_pack_begin:
    .incbin MULLION_UX_PACK_FILE
mullion_ux_pack_end:
    /* The two names must differ when nothing is between them. */
    .byte 0
    .section .note.GNU-stack, "", %progbits
