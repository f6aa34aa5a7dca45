;;; cooper.el --- The Dockerfile language server of Cooperage  -*- lexical-binding: t; -*-

;; Package-Requires: ((emacs "28.1"))

;;; Commentary:

;; Tells eglot and lsp-mode, whichever is loaded, to start `cooper lsp' for Dockerfiles, and adds commands for what the
;; server does.  Neither needs to be installed for this file to load.

;;; Code:

(require 'url-util)

(defgroup cooper nil
  "The Dockerfile language server of Cooperage."
  :group 'tools)

(defcustom cooper-program "cooper"
  "The program, a name in the variable `exec-path' or a path."
  :type 'string)

(defcustom cooper-hint-diagnostics t
  "Whether the forecast of each step is a diagnostic of level hint too.
eglot shows inlay hints from version 1.10 on; before that, see them so."
  :type 'boolean)

(defconst cooper--modes '(dockerfile-mode dockerfile-ts-mode))

(defun cooper--options ()
  "What the server is told when it starts."
  (list :hintDiagnostics (if cooper-hint-diagnostics t :json-false)))

(defvar eglot-server-programs)
(with-eval-after-load 'eglot
  (dolist (mode cooper--modes)
    (add-to-list 'eglot-server-programs
                 (cons mode (lambda (&rest _)
                              (append (list cooper-program "lsp" :initializationOptions) (list (cooper--options))))))))

(declare-function lsp-register-client "lsp-mode")
(declare-function make-lsp-client "lsp-mode")
(declare-function lsp-stdio-connection "lsp-mode")
(declare-function lsp-activate-on "lsp-mode")
(with-eval-after-load 'lsp-mode
  (lsp-register-client
   (make-lsp-client
    :new-connection (lsp-stdio-connection (lambda () (list cooper-program "lsp")))
    :activation-fn (lsp-activate-on "dockerfile")
    :initialization-options #'cooper--options
    :priority 1
    :server-id 'cooper)))

(declare-function eglot-current-server "eglot")
(declare-function eglot-execute-command "eglot")
(declare-function lsp-send-execute-command "lsp-mode")
(defun cooper--execute (command &rest place)
  "Ask whichever client is on to do COMMAND of the server for this file and PLACE."
  (let* ((uri (concat "file://" (url-hexify-string (buffer-file-name) url-path-allowed-chars)))
         (arguments (if place (vector uri place) (vector uri))))
    (cond ((bound-and-true-p lsp-mode) (lsp-send-execute-command command arguments))
          ((and (fboundp 'eglot-current-server) (eglot-current-server))
           (eglot-execute-command (eglot-current-server) (intern command) arguments))
          (t (user-error "Neither eglot nor lsp-mode is on in this buffer")))))

;;;###autoload
(defun cooper-build ()
  "Build the image of this Dockerfile."
  (interactive)
  (cooper--execute "cooper.build"))

;;;###autoload
(defun cooper-build-to-here ()
  "Build the step at point and what it needs."
  (interactive)
  (cooper--execute "cooper.buildTo" :line (1- (line-number-at-pos nil t))))

;;;###autoload
(defun cooper-explain ()
  "Say what the next build will run, and why."
  (interactive)
  (cooper--execute "cooper.explain"))

(provide 'cooper)
;;; cooper.el ends here
